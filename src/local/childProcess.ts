import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { writePidFile } from './pidFile';
import { endProcess, type StopSignals } from './stopSignals';
import { startWatched } from './watchedProcess';

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
  logFile?: string;
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
  log?.on('error', () => {}); // a full disk must not end the service for the sake of a child's log
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
