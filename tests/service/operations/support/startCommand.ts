import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { MAIN, newDirectory, type Ended } from '../../cli/support';

/** A command of the service that runs. */
export interface StartedCommand {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** What it has written to standard error so far. */
  err: () => string;
}

/** Starts a command with this environment only. */
export async function startCommand(args: string[], env: Record<string, string>): Promise<StartedCommand> {
  const DATA_DIR = await newDirectory('commands');
  const child = spawn(process.execPath, [MAIN, ...args], { env: { DATA_DIR, ...env } });
  let [out, err] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, out, err }));
  return { child, ended, err: () => err };
}
