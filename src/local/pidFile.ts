import { readFile, rm } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalServerError } from './errors';
import { processInfo } from './processInfo';
import { endProcess, type StopSignals } from './stopSignals';

/** A child, and the process that started it. */
interface Recorded {
  pid: number;
  began: string;
  ownerPid: number;
}

/**
 * Records that this process runs child `pid`. Synchronous, so that it can follow the start in the same tick: a
 * kill -9 between the two would leave a child that nobody finds again.
 */
export function writePidFile(file: string, pid: number): void {
  const recorded: Recorded = { pid, began: processInfo(pid)?.began ?? '', ownerPid: process.pid };
  writeFileSync(file, `${JSON.stringify(recorded)}\n`);
}

/**
 * Stops the child that a killed predecessor of this process left running, if there is one, and removes the pid
 * file. Another program that has got its pid by now is not touched. A child whose parent still lives is no orphan:
 * throws LOCAL_DATA_IN_USE.
 */
export async function stopOrphan(file: string, signals: StopSignals): Promise<void> {
  const recorded = await readPidFile(file);
  if (recorded === null) return;
  const { pid, began, ownerPid } = recorded;
  const isStillThere = () => processInfo(pid)?.began === began;
  if (isStillThere()) {
    // An orphan gets a new parent, so this needs no look at the owner, whose pid may be in use again.
    if (processInfo(pid)?.parentPid === ownerPid) {
      throw new LocalServerError(
        'LOCAL_DATA_IN_USE',
        `process ${ownerPid} is running a server (pid ${pid}) on this data already (${file}): stop it first, or use another data directory`,
      );
    }
    await endProcess(pid, signals, (ms) => goneWithin(isStillThere, ms));
  }
  await rm(file, { force: true });
}

async function readPidFile(file: string): Promise<Recorded | null> {
  try {
    const { pid, began, ownerPid } = JSON.parse(await readFile(file, 'utf8')) as Partial<Recorded>;
    if (typeof pid !== 'number' || !began || typeof ownerPid !== 'number') return null;
    return { pid, began, ownerPid };
  } catch {
    return null; // there is none, or it is cut off
  }
}

async function goneWithin(isStillThere: () => boolean, ms: number): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (isStillThere()) {
    if (Date.now() >= deadline) return false;
    await sleep(20);
  }
  return true;
}
