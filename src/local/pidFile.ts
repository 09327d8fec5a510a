import { readFile, rm } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalServerError } from './errors';
import { processInfo } from './processInfo';
import { endProcess, type StopSignals } from './stopSignals';

/**
 * Records that this process runs child `pid`. Synchronous, so that it can follow the spawn in the same tick: a
 * kill -9 between the two would leave a child that nobody finds again.
 */
export function writePidFile(file: string, pid: number): void {
  writeFileSync(file, `${pid} ${process.pid}\n`);
}

/**
 * Stops the child that a killed predecessor of this process left running, if there is one, and removes the pid
 * file. `isOurs` judges the command line, since the pid may belong to another program by now: that one is not
 * touched. A child whose parent still lives is no orphan: throws LOCAL_DATA_IN_USE.
 */
export async function stopOrphan(
  file: string,
  isOurs: (commandLine: string) => boolean,
  signals: StopSignals,
): Promise<void> {
  const recorded = await readPidFile(file);
  if (recorded === null) return;
  const { pid, ownerPid } = recorded;
  const info = await processInfo(pid);
  if (info !== null && isOurs(info.commandLine)) {
    // An orphan gets a new parent, so this needs no look at the owner, whose pid may be in use again.
    if (info.parentPid === ownerPid) {
      throw new LocalServerError(
        'LOCAL_DATA_IN_USE',
        `process ${ownerPid} is running a server (pid ${pid}) on this data already (${file}): stop it first, or use another data directory`,
      );
    }
    await endProcess(pid, signals, (ms) => goneWithin(pid, ms));
  }
  await rm(file, { force: true });
}

async function readPidFile(file: string): Promise<{ pid: number; ownerPid: number } | null> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const match = /^(\d+) (\d+)\n$/.exec(text);
  return match === null ? null : { pid: Number(match[1]), ownerPid: Number(match[2]) };
}

async function goneWithin(pid: number, ms: number): Promise<boolean> {
  const deadline = Date.now() + ms;
  while ((await processInfo(pid)) !== null) {
    if (Date.now() >= deadline) return false;
    await sleep(20);
  }
  return true;
}
