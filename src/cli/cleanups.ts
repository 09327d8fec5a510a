import type { Logger } from 'pino';

/** What is to be undone when the service stops, the newest first. */
export class Cleanups {
  private readonly works: (() => Promise<unknown>)[] = [];
  private isClosed = false;

  constructor(private readonly log: Logger) {}

  /** @throws when no more is to be started: what has just been is undone with the rest */
  add(work: () => Promise<unknown>): void {
    this.works.push(work);
    if (this.isClosed) throw new Error('the service is being stopped');
  }

  /** From now on nothing more is to be started. */
  close(): void {
    this.isClosed = true;
  }

  /** Does all of it, once; what fails is logged and keeps nothing else from being done. */
  async run(): Promise<void> {
    for (const work of this.works.splice(0).toReversed()) {
      await work().catch((error: unknown) => this.log.warn({ err: error }, 'a part did not stop cleanly'));
    }
  }
}
