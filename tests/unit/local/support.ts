import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { processInfo } from '../../../src/local/processInfo';
import { temporalCli } from '../../../src/local/temporalCli';

/** Undoes what a test set up, newest first. */
export class Cleanup {
  private readonly steps: (() => Promise<unknown>)[] = [];

  add(step: () => Promise<unknown>): void {
    this.steps.push(step);
  }

  async run(): Promise<void> {
    for (const step of this.steps.splice(0).reverse()) await step();
  }

  /** A directory that every user may enter, as a checkout in /srv would be. */
  async directory(): Promise<string> {
    const directory = await mkdtemp(path.join(tmpdir(), 'local-servers-'));
    this.add(() => rm(directory, { recursive: true, force: true }));
    await chmod(directory, 0o755);
    return directory;
  }

  /** Listens on a port of its own choice, so that it is taken. */
  async takenPort(): Promise<number> {
    const server: Server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.add(async () => server.close());
    return (server.address() as { port: number }).port;
  }
}

export const CHECKOUT = path.resolve(__dirname, '../../..');
const CLI_CACHE = path.join(CHECKOUT, 'node_modules/.cache/temporal-cli');

/** A working CLI; fetched once per checkout. */
export function testCli(): Promise<string> {
  return temporalCli({ cacheDir: CLI_CACHE, env: process.env });
}

/** What another process started: `url` of PostgreSQL's own database, or `address` of Temporal. */
export interface Started {
  pid: number;
  url: string;
  address: string;
}

/**
 * Lets another process start the server, kills it with SIGKILL, and returns what it had started.
 * @param meanwhile done while that process still lives: its servers end with it
 */
export async function startInKilledProcess(
  file: string,
  name: string,
  options: object,
  checkout = CHECKOUT,
  meanwhile: (server: Started) => Promise<unknown> = () => Promise.resolve(),
): Promise<Started> {
  const script = path.join(checkout, 'tests/unit/local/ownerProcess.cjs');
  const owner = spawn(process.execPath, [script, file, name, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(owner, 'exit');
  const early = exit.then(() => Promise.reject(new Error('it ended before it had started a server')));
  const [line] = (await Promise.race([once(createInterface(owner.stdout), 'line'), early])) as [string];
  early.catch(() => {}); // from here on its end is what we want
  const started = JSON.parse(line) as Started;
  await meanwhile(started);
  owner.kill('SIGKILL');
  await exit;
  return started;
}

export function isRunning(pid: number): boolean {
  return processInfo(pid) !== null;
}

/** Waits until a process has ended. @returns whether it has, in time */
export async function hasEnded(pid: number, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isRunning(pid) && Date.now() < deadline) await sleep(50);
  return !isRunning(pid);
}
