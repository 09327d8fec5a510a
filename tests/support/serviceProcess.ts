import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { keepLog } from './testLog';

const MAIN = path.join(__dirname, '../../dist/cli/main.js');

/** The compiled service, as a process of its own. */
export interface ServiceProcess {
  child: ChildProcess;
  apiUrl: string;
  /** Where an API serves its health if that has a port of its own. */
  adminUrl: string;
  /** Where a worker without an API serves its health. */
  workerUrl: string;
  /** Where a relay serves its health. */
  relayUrl: string;
  /** What it has printed for people. */
  progress(): string;
  /** What it has logged: one JSON object a line. */
  log(): string;
  /** Settles when the process has ended. */
  ended: Promise<unknown>;
  /** Sends a signal, waits for the end. @returns the exit code */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

const START_LIMIT_MS = 60_000;

/** Starts `provisioner start` with this environment only, and waits until it says that it is up. */
export function startServiceProcess(
  env: Record<string, string>,
  args: string[] = [],
  main = MAIN,
  node = process.execPath,
): Promise<ServiceProcess> {
  const child = spawn(node, [main, 'start', ...args], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      PORT: '0',
      CUSTOMERS_DOT_PORT: '0',
      WORKER_PORT: '0',
      RELAY_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return untilUp(child, path.basename(env['DATA_DIR'] ?? ''));
}

/**
 * Waits until a process that runs the service says that it is up.
 *
 * @param name what its kept log is called
 */
export async function untilUp(
  child: ChildProcessByStdio<Writable | null, Readable, Readable>,
  name = '',
): Promise<ServiceProcess> {
  let progress = '';
  let log = '';
  const keep = (text: string) => keepLog(`service.${name}`, text);
  child.stdout
    .setEncoding('utf8')
    .on('data', (text: string) => keep(text))
    .on('data', (text: string) => (log += text));
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => keep(text))
    .on('data', (text: string) => (progress += text));
  const ended = once(child, 'exit');
  // One that neither comes up nor ends must not hold a suite.
  const patience = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS);
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', () => progress.includes('Ctrl-C stops it') && resolve());
    child.on('exit', () => reject(new Error(`the service did not start:\n${progress}\n${log}`)));
  }).finally(() => clearTimeout(patience));
  return {
    child,
    apiUrl: /API +(\S+)/.exec(progress)?.[1] ?? '',
    adminUrl: /Admin +(\S+)/.exec(progress)?.[1] ?? '',
    workerUrl: /Worker +(\S+)/.exec(progress)?.[1] ?? '',
    relayUrl: /Relay +(\S+)/.exec(progress)?.[1] ?? '',
    progress: () => progress,
    log: () => log,
    ended,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await ended;
      return child.exitCode;
    },
  };
}
