/** The service cannot start as it is configured. Each line names what is wrong, e.g. a variable, and the reason. */
export class StartError extends Error {
  readonly code = 'start_failed';
}

/**
 * Waits for a part of the start, and explains its failure in terms of the configuration.
 * @throws StartError
 */
export async function explain<T>(work: Promise<T>, what: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new StartError(`${what}: ${reasonOf(error)}`, { cause: error });
  }
}

/** The reason in what the core of Temporal's SDK says when it cannot connect. */
const OF_RUST = /^tonic::.* message: "(.*?)"/;

function reasonOf(error: unknown): string {
  const { message: whole, code } = error as Error & { code?: unknown };
  const message = OF_RUST.exec(whole)?.[1] ?? whole;
  const text = (message || (typeof code === 'string' ? code : String(error))).split('\n', 1)[0] ?? '';
  return text.trim();
}
