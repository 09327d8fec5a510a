import { access, constants } from 'node:fs/promises';
import { ensureFolder } from '../local/folder';
import { LocalServerError } from '../local/errors';
import { usesLocalServers, type Part } from './parts';
import { runFolder, runningProcesses } from './runtimeFile';
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
 * On the servers of a data directory each part runs once.
 * @throws LocalServerError when another process runs one of the parts there already
 */
export async function refuseSecondStart(config: Config, parts: readonly Part[]): Promise<void> {
  if (!usesLocalServers(config, parts)) return;
  const others = await runningProcesses(config.dataDir);
  const first = others.find((other) => other.parts.some((part) => parts.includes(part)));
  if (first === undefined) return;
  const { apiUrl, customersDotUrl } = first.runtime;
  const where = apiUrl ?? customersDotUrl ?? 'no address yet';
  throw new LocalServerError(
    'LOCAL_DATA_IN_USE',
    `process ${first.pid} runs ${first.parts.join(', ')} on DATA_DIR ${config.dataDir} already (${where}): stop it first, or set another DATA_DIR`,
  );
}
