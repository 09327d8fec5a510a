import { commandOutput } from './commandOutput';

/** What the service needs of the server inside the CLI: 1.29 or newer. */
const MINIMUM = { major: 1, minor: 29 };

/**
 * The version of the server inside a Temporal CLI, e.g. `1.32.0`. Rejects with a readable reason when the file is
 * not a working Temporal CLI, or when its server is older than 1.29.
 */
export async function usableServerVersion(cli: string): Promise<string> {
  const output = await commandOutput(cli, ['--version'], {}, 20_000);
  const match = /^temporal version \S+ \(Server (\d+)\.(\d+)\.(\S+?)[,)]/.exec(output);
  if (match === null) throw new Error(`${cli} does not answer --version like a Temporal CLI`);
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const version = `${major}.${minor}.${match[3]}`;
  if (major < MINIMUM.major || (major === MINIMUM.major && minor < MINIMUM.minor)) {
    throw new Error(`${cli} holds server ${version}, older than ${MINIMUM.major}.${MINIMUM.minor}`);
  }
  return version;
}
