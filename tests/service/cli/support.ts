import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { testEnvironment } from '../../support/environment';

export const MAIN = path.join(__dirname, '../../../dist/cli/main.js');

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** Runs a program to its end, with this environment only; one that wrongly starts a service must not hold the suite. */
export async function run(command: string, args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(command, args, {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    timeout: 60_000,
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  await once(child, 'close');
  return { code: child.exitCode, out, err };
}

/** Runs a command of the service. */
export async function provisioner(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  return run(process.execPath, [MAIN, ...args], { DATA_DIR: await newDirectory('commands'), ...env });
}

/** Runs a line as a shell does; `npx provisioner` is spelled for this checkout. */
export function shell(line: string, env: Record<string, string> = {}): Promise<Ended> {
  return run('bash', ['-c', line.replace('npx provisioner', `${process.execPath} ${MAIN}`)], env);
}

/** Starts a shell's script, with this environment only. */
export function startShell(script: string, env: Record<string, string>): ChildProcessWithoutNullStreams {
  const child = spawn('bash', ['-c', script], { env });
  for (const output of [child.stdout, child.stderr]) output.resume();
  return child;
}

/** A script that runs another one at a terminal of its own, whose keyboard is its standard input. */
export function terminalOf(script: string): string {
  return `exec script -qec '${script}' /dev/null`;
}

/** A folder that goes away with the tests. */
export async function newDirectory(name: string): Promise<string> {
  const directory = path.join(testEnvironment().directory, name);
  await mkdir(directory, { recursive: true });
  return directory;
}

/** The line of the banner that provisions the demo group. */
export function demoCommand(progress: string): string {
  return /^ +(curl .*)$/m.exec(progress)?.[1] ?? '';
}
