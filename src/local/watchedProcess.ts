import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Socket } from 'node:net';

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
