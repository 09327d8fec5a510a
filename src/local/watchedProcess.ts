import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

export interface WatchedProcessOptions {
  /** The whole environment of the program: nothing is inherited. */
  env: NodeJS.ProcessEnv;
  cwd?: string;
  uid?: number;
  gid?: number;
  /** What its watcher sends it when this process is gone, one after another; SIGKILL follows the last. */
  signals: readonly NodeJS.Signals[];
}

export type WatchedProcess = ChildProcessByStdio<null, Readable, Readable> & { readonly pid: number };

/**
 * What /bin/sh runs before it becomes the program (`exec`: same pid, same exit code). It starts a watcher that reads from
 * a pipe whose other end only this process holds. A line means that the program has ended; the end of the pipe means that
 * this process has, for whatever reason. Two levels of background, so that the watcher is no child of the program.
 */
const SCRIPT = `
program=$$ signals=$1
shift
(
  (
    PATH=/usr/bin:/bin
    trap '' HUP INT TERM
    read -r line && exit
    for signal in $signals; do
      kill -s "$signal" "$program" || exit
      for second in 1 2 3 4; do
        sleep 1
        kill -0 "$program" || exit
      done
    done
    kill -s KILL -- "-$program"
  ) <&3 >/dev/null 2>&1 &
)
exec "$@" 3<&-
`;

/**
 * Starts a program that ends within ten seconds after this process, even if that is killed. It gets a process group of its
 * own: a terminal's Ctrl-C reaches only this process, which stops its servers in the right order. A program that cannot be
 * executed ends with exit code 126 or 127, and the shell prints why on standard error.
 */
export function startWatched(
  command: string,
  args: readonly string[],
  { signals, ...options }: WatchedProcessOptions,
): WatchedProcess {
  const names = signals.map((signal) => signal.replace(/^SIG/, '')).join(' ');
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', names, command, ...args], {
    ...options,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  if (child.pid === undefined) {
    child.once('error', () => undefined);
    throw new Error(`cannot start ${command}: the system starts no process with /bin/sh`);
  }
  const watcher = child.stdio[3] as Socket;
  watcher.on('error', () => undefined); // the watcher was killed
  child.once('exit', () => watcher.end('\n', () => watcher.destroy()));
  return child as unknown as WatchedProcess;
}

/** A program ended with an error, or took too long. */
export class CommandFailed extends Error {
  constructor(
    message: string,
    readonly stderr: string,
  ) {
    super(message);
  }
}

/**
 * Runs a program to its end and returns what it printed on stdout. Rejects when it cannot be run, exits with an
 * error (the message ends with the last line of its stderr), or takes longer than `timeoutMs` (it is then killed).
 */
export async function commandOutput(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<string> {
  const child = startWatched(command, args, { env, signals: ['SIGTERM'] });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    process.kill(-child.pid, 'SIGKILL');
  }, timeoutMs);
  const ended = new Promise<string>((resolve) =>
    child.once('close', (code, signal) => resolve(code === null ? `${signal}` : `exit code ${code}`)),
  );
  const [stdout, stderr, end] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  clearTimeout(timer);
  if (end === 'exit code 0') return stdout;
  const lastLine = stderr
    .trim()
    .split('\n')
    .pop()
    ?.replace(/^.*: exec: /, ''); // the shell's prefix, if the program is not found
  const reason = isLate ? `no answer within ${timeoutMs / 1000} s` : lastLine || end;
  throw new CommandFailed(`${command} ${args.slice(0, 3).join(' ')}: ${reason}`, stderr);
}
