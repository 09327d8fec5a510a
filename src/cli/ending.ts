import { closeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Logger } from 'pino';

/** When a service is to end. */
export interface Ending {
  /** Resolves with the exit code. */
  ended: Promise<number>;
  end(code: number): void;
}

const LOOK_EVERY_MS = 1_000;

/**
 * Ends a service on a signal to stop (Ctrl-C, SIGTERM, a closed terminal), and when the reader of its output is gone. It
 * keeps writing, as there is still something to stop.
 * @param outputs where it writes to
 */
export function watchForEnding(outputs: readonly Pick<Writable, 'on'>[]): Ending {
  let end: (code: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => (end = resolve));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(0));
  for (const output of outputs) output.on('error', (error) => hasNoReader(error) && end(0));
  return { ended, end };
}

/** Whether writing failed because the reader or the terminal is gone. */
export function hasNoReader({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'EIO';
}

/** Ends a service when the process that started it has ended: it gets another parent then. */
export function endWithParent({ end }: Ending): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && end(0), LOOK_EVERY_MS).unref();
}

/**
 * Ends this process. At the end Node resets the terminal, and crashes if that is gone, unless the process has closed it.
 */
export function exit(code: number): never {
  for (const descriptor of [0, 1, 2]) {
    try {
      closeSync(descriptor);
    } catch {
      // it was never open
    }
  }
  process.exit(code);
}

/** What stops the service, newest first. */
export class Cleanups {
  private readonly works: (() => Promise<unknown>)[] = [];
  private isClosed = false;

  constructor(private readonly log: Logger) {}

  /** @throws after `close`: what was just started is stopped with the rest */
  add(work: () => Promise<unknown>): void {
    this.works.push(work);
    if (this.isClosed) throw new Error('the service is being stopped');
  }

  /** From now on nothing may be started. */
  close(): void {
    this.isClosed = true;
  }

  /** Runs all of it, once. Logs what fails, and runs the rest nevertheless. */
  async run(): Promise<void> {
    for (const work of this.works.splice(0).toReversed()) {
      await work().catch((error: unknown) => this.log.warn({ err: error }, 'a part did not stop cleanly'));
    }
  }
}
