import { access, constants } from 'node:fs/promises';
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
}

/**
 * Makes this process known on its data directory. There, processes that need its servers start one after the other, so that
 * each finds what those before it run; and each part runs once.
 * @returns when it came
 * @throws LocalServerError when another process runs one of the parts already
 */
export async function takeTurn(
  config: Config,
  parts: readonly Part[],
  onProgress: (line: string) => void,
): Promise<number> {
  const { dataDir } = config;
  // Lamport's bakery: whoever has not said yet when it came is waited for, so that two never both take themselves for first.
  await publishRuntime(dataDir, { parts: [...parts], came: null, runtime: NOTHING });
  const came = Number(process.hrtime.bigint() / 1_000n);
  await publishRuntime(dataDir, { parts: [...parts], came, runtime: NOTHING });
  if (!usesLocalServers(config, parts)) return came;
  const isBefore = (other: RunningProcess) =>
    other.came === null || other.came < came || (other.came === came && other.pid < process.pid);
  for (let told = 0; ; await sleep(100)) {
    const before = (await runningProcesses(dataDir)).filter(isBefore);
    const onItsWay = before.find(({ runtime }) => Object.values(runtime).every((value) => value === null));
    if (onItsWay === undefined) {
      refuseTwice(before, parts, dataDir);
      return came;
    }
    if (told !== onItsWay.pid)
      onProgress(`waiting for process ${onItsWay.pid}, which is starting or stopping on ${dataDir}`);
    told = onItsWay.pid;
  }
}

function refuseTwice(before: RunningProcess[], parts: readonly Part[], dataDir: string): void {
  const first = before.find((other) => other.parts.some((part) => parts.includes(part)));
  if (first === undefined) return;
  const { apiUrl, customersDotUrl, relayUrl } = first.runtime;
  const where = apiUrl ?? customersDotUrl ?? relayUrl;
  throw new LocalServerError(
    'LOCAL_DATA_IN_USE',
    `process ${first.pid} runs ${first.parts.join(', ')} on DATA_DIR ${dataDir} already${where === null ? '' : ` (${where})`}: stop it first, or set another DATA_DIR`,
  );
}
