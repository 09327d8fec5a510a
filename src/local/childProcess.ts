import { createWriteStream, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalServerError } from './errors';
import { processInfo } from './processInfo';
import { startWatched } from './watchedProcess';

/** How a program is asked to end: each signal in turn, waiting `graceMs` after each. SIGKILL follows the last. */
export type StopSignals = readonly { signal: NodeJS.Signals; graceMs: number }[];

export interface ChildOptions {
  command: string;
  args: string[];
  /** The whole environment of the child: nothing is inherited. */
  env: Record<string, string>;
  cwd?: string;
  uid?: number;
  gid?: number;
  /** Where the child is recorded while it runs; see `stopOrphan`. */
  pidFile: string;
  stopSignals: StopSignals;
  /** Everything the child prints is appended here. */
  logFile?: string | undefined;
}

export interface Child {
  pid: number;
  alive(): boolean;
  /** Resolves to the exit code (null after a signal) when the child has ended. */
  exited: Promise<number | null>;
  /** Resolves to a one-line reason if the child ends without `stop` having been called; else never. */
  unexpectedExit: Promise<string>;
  /** The last lines the child printed, for error messages. */
  lastLines(): string;
  /** Ends the child and waits until it is gone. Calling it again is harmless. */
  stop(): Promise<void>;
}

const KEPT_LINES = 12;

/** Starts a program that ends with this process (`startWatched`), and records it in a file until it has ended. */
export function startChild(options: ChildOptions): Child {
  const { command, args, pidFile, stopSignals, logFile, ...settings } = options;
  const child = startWatched(command, args, {
    ...settings,
    signals: stopSignals.map(({ signal }) => signal),
  });
  const { pid } = child;
  writePidFile(pidFile, pid);

  const log = logFile === undefined ? null : createWriteStream(logFile, { flags: 'a' });
  log?.on('error', () => {}); // a full disk must not end the service
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log?.write(text);
      printed = (printed + text).split('\n').slice(-KEPT_LINES).join('\n');
    });
  }

  let alive = true;
  let stopping: Promise<void> | undefined;
  child.once('exit', () => (alive = false));
  // 'close' comes after the last output, so that a reason can quote it.
  const closed = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  );
  const exited = closed.then(({ code }) => {
    log?.end();
    return code;
  });
  const unexpectedExit = new Promise<string>((resolve) => {
    void closed.then(({ code, signal }) => {
      if (stopping !== undefined) return;
      const lastLine = printed.trim().split('\n').pop();
      resolve(`${command} ended unexpectedly (${signal ?? `exit code ${code}`}): ${lastLine}`);
    });
  });
  const goneWithin = async (ms: number) => {
    const timer = new AbortController();
    const timeout = sleep(ms, false, { signal: timer.signal }).catch(() => false);
    const gone = await Promise.race([exited.then(() => true), timeout]);
    timer.abort();
    return gone;
  };
  const end = async () => {
    if (alive) await endProcess(pid, stopSignals, goneWithin);
    await rm(pidFile, { force: true });
  };
  return {
    pid,
    alive: () => alive,
    exited,
    unexpectedExit,
    lastLines: () => printed.trim(),
    stop: () => (stopping ??= end()),
  };
}

/** A child, and the process that started it. */
interface Recorded {
  pid: number;
  began: string;
  ownerPid: number;
}

/**
 * Records that this process runs child `pid`. Synchronous, so that it can follow the start in the same tick: a
 * kill -9 between the two would leave a child that no later start finds.
 */
export function writePidFile(file: string, pid: number): void {
  const recorded: Recorded = { pid, began: processInfo(pid)?.began ?? '', ownerPid: process.pid };
  writeFileSync(file, `${JSON.stringify(recorded)}\n`);
}

/**
 * Stops the child that a killed predecessor of this process left running, if there is one, and removes the pid
 * file. A later program with the same pid is left alone.
 * @throws LocalServerError local_data_in_use when the child's parent still lives
 */
export async function stopOrphan(file: string, signals: StopSignals): Promise<void> {
  const recorded = await readPidFile(file);
  if (recorded === null) return;
  const { pid, began, ownerPid } = recorded;
  const isStillThere = () => processInfo(pid)?.began === began;
  if (isStillThere()) {
    // An orphan has a new parent. The recorded owner says nothing: its pid may be in use again.
    if (processInfo(pid)?.parentPid === ownerPid) {
      throw new LocalServerError(
        'local_data_in_use',
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
    return null; // missing or truncated
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

/**
 * Sends the signals until `gone(ms)`, which waits at most that long, reports the end of the process. Then sends SIGKILL
 * to its process group, whose leader it must be, so that no child of it stays behind.
 */
async function endProcess(
  pid: number,
  signals: StopSignals,
  gone: (ms: number) => Promise<boolean>,
): Promise<void> {
  for (const { signal, graceMs } of signals) {
    if (!send(pid, signal) || (await gone(graceMs))) return;
  }
  send(-pid, 'SIGKILL');
  await gone(5000);
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // no such process
  }
}
