import { access, chmod, constants } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureFolder } from '../local/folder';
import { LocalServerError } from '../local/errors';
import { usesLocalServers, type Part } from './parts';
import { NOTHING, publishRuntime, runFolder, runningProcesses, type RunningProcess } from './runtimeFile';
import { StartError } from './startError';
import type { Config } from '../config/config';

const REASONS: Record<string, string> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'it is on a read-only file system',
  ENOTDIR: 'there is a file of that name',
  ENOENT: 'no folder can be made there',
};

/** Makes the data directory, if it is missing. @throws StartError when it cannot be written */
export async function openDataDir(dataDir: string): Promise<void> {
  try {
    await ensureFolder(runFolder(dataDir), 0o700);
    for (const folder of [dataDir, runFolder(dataDir)]) await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new StartError(
      `DATA_DIR ${dataDir} cannot be used: ${REASONS[code] ?? message}. Set it to a folder that can be written`,
      { cause: error },
    );
  }
  // New ones get their mode by the umask. A volume that knows no modes is no reason not to start.
  for (const name of ONCE_OPEN) await chmod(path.join(dataDir, name), 0o600).catch(() => undefined);
}

/** What earlier versions let everybody read. */
const ONCE_OPEN = [
  ...['ports.json', 'postgres.log', 'temporal.log'],
  ...['', '-wal', '-shm'].map((suffix) => `temporal.db${suffix}`),
];

/**
 * Registers this process on its data directory. Processes that need local servers start one after the other there, so that
 * each finds what the earlier ones run, and each part runs once.
 * @returns when it registered, in microseconds of the machine's monotonic clock
 * @throws LocalServerError when another process runs one of the parts already
 */
export async function register(
  config: Config,
  parts: readonly Part[],
  onProgress: (line: string) => void,
): Promise<number> {
  const { dataDir } = config;
  // Lamport's bakery: a process without a time is waited for, so that two never both consider themselves first.
  await publishRuntime(dataDir, { parts: [...parts], registeredAt: null, runtime: NOTHING });
  const registeredAt = Number(process.hrtime.bigint() / 1_000n);
  await publishRuntime(dataDir, { parts: [...parts], registeredAt, runtime: NOTHING });
  if (!usesLocalServers(config, parts)) return registeredAt;
  const isBefore = (other: RunningProcess) =>
    other.registeredAt === null ||
    other.registeredAt < registeredAt ||
    (other.registeredAt === registeredAt && other.pid < process.pid);
  for (let reported = 0; ; await sleep(100)) {
    const before = (await runningProcesses(dataDir)).filter(isBefore);
    const inTransition = before.find(({ runtime }) =>
      Object.values(runtime).every((value) => value === null),
    );
    if (inTransition === undefined) {
      refuseDuplicate(before, parts, dataDir);
      return registeredAt;
    }
    if (reported !== inTransition.pid)
      onProgress(`waiting for process ${inTransition.pid}, which is starting or stopping on ${dataDir}`);
    reported = inTransition.pid;
  }
}

function refuseDuplicate(before: RunningProcess[], parts: readonly Part[], dataDir: string): void {
  const first = before.find((other) => other.parts.some((part) => parts.includes(part)));
  if (first === undefined) return;
  const { apiUrl, customersDotUrl, relayUrl } = first.runtime;
  const where = apiUrl ?? customersDotUrl ?? relayUrl;
  throw new LocalServerError(
    'local_data_in_use',
    `process ${first.pid} runs ${first.parts.join(', ')} on DATA_DIR ${dataDir} already${where === null ? '' : ` (${where})`}: stop it first, or set another DATA_DIR`,
  );
}
