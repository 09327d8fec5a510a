import type { Logger } from 'pino';

/** What is to be undone when the service stops, the newest first. */
export class Cleanups {
  private readonly works: (() => Promise<unknown>)[] = [];

  constructor(private readonly log: Logger) {}

  add(work: () => Promise<unknown>): void {
    this.works.push(work);
  }

  /** Does all of it, once; what fails is logged and keeps nothing else from being done. */
  async run(): Promise<void> {
    for (const work of this.works.splice(0).toReversed()) {
      await work().catch((error: unknown) => this.log.warn({ err: error }, 'a part did not stop cleanly'));
    }
  }
}
