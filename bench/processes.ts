import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';

const HOOK = path.join(__dirname, 'typescript.cjs');

/** Arguments that make Node run one of the bench's TypeScript files. */
export function nodeArguments(file: string): string[] {
  return ['-r', HOOK, path.join(__dirname, file)];
}

/** A program of a contender that is up. */
export interface Service {
  pid: number;
  url: string;
  /** Ends it and waits until it is gone. */
  stop(): Promise<void>;
}

const START_LIMIT_MS = 60_000;

/**
 * Starts a program under a Node; it says `API <address>` (or `Relay …`) on standard error once it is up, as the product does.
 * @param logFile gets its standard output
 * @throws when it ends before, or says nothing for a minute
 */
export async function startService(
  node: string,
  args: string[],
  env: Record<string, string>,
  logFile: string,
): Promise<Service> {
  const log = openSync(logFile, 'a');
  const child = spawn(node, args, {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    stdio: ['ignore', log, 'pipe'],
  });
  closeSync(log);
  const patience = setTimeout(() => child.kill('SIGKILL'), START_LIMIT_MS);
  try {
    return { pid: child.pid ?? 0, url: await addressOf(child), stop: () => stop(child) };
  } finally {
    clearTimeout(patience);
  }
}

function addressOf(child: ChildProcess): Promise<string> {
  let printed = '';
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`${child.spawnargs.join(' ')} did not start:\n${printed}`)));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-10_000);
      const address = /\b(?:API|Relay) +(http\S+)\s/.exec(printed)?.[1];
      if (address !== undefined) resolve(address);
      if (address !== undefined) process.stderr.write(text);
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const impatience = setTimeout(() => child.kill('SIGKILL'), 30_000);
  await ended;
  clearTimeout(impatience);
}
