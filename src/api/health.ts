import { setTimeout as wait } from 'node:timers/promises';
import type { RequestHandler } from 'express';

/** Something this process cannot work without. Resolves when it is up, rejects when it is not. */
export type HealthCheck = () => Promise<unknown>;

/** What the health of a process is made of. */
export interface Health {
  /** What the process cannot work without, by name. */
  checks: Record<string, HealthCheck>;
  /** Faults that do not keep the process from working: one line each. Never rejects. */
  warnings?: () => Promise<readonly string[]>;
  /** Aborted when the process is to stop. */
  stopping: AbortSignal;
}

/** A check that fails for reasons that the readiness lists: one line each, without secrets. */
export class CheckFailed extends Error {
  readonly code = 'check_failed';
  constructor(readonly lines: readonly string[]) {
    super(lines.join('; '));
  }
}

const CHECK_TIMEOUT_MS = 2_000;

/** `GET /-/liveness`: the process answers. */
export const liveness: RequestHandler = (_req, res) => {
  res.json({ status: 'ok' });
};

/**
 * `GET /-/readiness`: 200 when every check passes, else 503 with the names of those that fail, and their reasons. Also 503
 * once the process is to stop, so that balancers send no new requests while running ones finish. Warnings change no status.
 */
export function readiness({ checks, warnings, stopping }: Health): RequestHandler {
  return async (_req, res) => {
    if (stopping.aborted) return void res.status(503).json({ status: 'stopping' });
    const [warned, ...results] = await Promise.all([
      warnings?.() ?? [],
      ...Object.entries(checks).map(async ([name, check]) => [name, await failureOf(check)] as const),
    ]);
    const isReady = results.every(([, failure]) => failure === null);
    const details = results.flatMap(([name, failure]) =>
      failure && failure.length > 0 ? [[name, failure] as const] : [],
    );
    res.status(isReady ? 200 : 503).json({
      status: isReady ? 'ok' : 'failed',
      checks: Object.fromEntries(results.map(([name, failure]) => [name, failure ? 'failed' : 'ok'])),
      ...(details.length > 0 && { details: Object.fromEntries(details) }),
      ...(warned.length > 0 && { warnings: warned }),
    });
  };
}

/** Whether a check passes, within two seconds. */
export async function passes(check: HealthCheck): Promise<boolean> {
  return (await failureOf(check)) === null;
}

/** @returns null when the check passes within two seconds, else the reasons, one line each */
function failureOf(check: HealthCheck): Promise<readonly string[] | null> {
  const failure = check().then(
    () => null,
    (error: unknown) => (error instanceof CheckFailed ? error.lines : []),
  );
  return Promise.race([failure, wait(CHECK_TIMEOUT_MS, [], { ref: false })]);
}
