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
  /** What its watcher sends it when this process is gone, one after the other; SIGKILL follows the last. */
  signals: readonly NodeJS.Signals[];
}

export type WatchedProcess = ChildProcessByStdio<null, Readable, Readable> & { readonly pid: number };

/**
 * What /bin/sh does before it becomes the program (`exec`: same pid, same exit code). It leaves a watcher behind, that
 * reads from a pipe whose other end only we have. A line says that the program has ended by itself; the end of the pipe,
 * that we have, however it came about. Twice in the background, so that the program has no child that it knows nothing of.
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
 * Starts a program that ends with this process: even if it is killed, within ten seconds. It gets a process group of its
 * own: a terminal's Ctrl-C reaches us only, and we stop what we started in the right order.
 * A program that cannot be executed ends with exit code 126 or 127, and the shell says why on standard error.
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
  watcher.on('error', () => undefined); // somebody ended the watcher
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
  const said = stderr
    .trim()
    .split('\n')
    .pop()
    ?.replace(/^.*: exec: /, ''); // how the shell begins, if it is not found
  const reason = isLate ? `no answer within ${timeoutMs / 1000} s` : said || end;
  throw new CommandFailed(`${command} ${args.slice(0, 3).join(' ')}: ${reason}`, stderr);
}
