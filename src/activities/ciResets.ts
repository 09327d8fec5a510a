import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { completeCiResets, failCiResets, resetCiUsages, takeCiResets } from '../db/ciResets';
import { databaseFailure } from '../db/sqlState';

const LOOK_EVERY_MS = 1_000;
const BATCH = 100;

/**
 * Resets notification levels in GitLab's CI database once the steps that asked for it have committed, at least once
 * (contract 7). A CI database that is away never delays a sync: what is due stays noted and is tried again.
 */
export class CiResets {
  private readonly stopped = new AbortController();
  private wake = new AbortController();
  private readonly done: Promise<void>;

  /**
   * @param pool of GitLab's main database, where resets are noted
   * @param ciPool of its CI database
   */
  constructor(
    private readonly pool: Pool,
    private readonly ciPool: Pool,
    private readonly log: Logger,
  ) {
    this.done = this.run();
  }

  /** Looks at once: a step has just committed. */
  kick(): void {
    this.wake.abort();
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    this.kick();
    await this.done;
  }

  private async run(): Promise<void> {
    while (!this.stopped.signal.aborted) {
      this.wake = new AbortController();
      const wasFull = await this.resetDue().catch((error: unknown) => {
        this.log.warn({ err: error }, 'due resets of the CI database could not be looked up');
        return false;
      });
      if (!wasFull)
        await sleep(LOOK_EVERY_MS, undefined, { signal: this.wake.signal }).catch(() => undefined);
    }
  }

  /** @returns whether there may be more that is due */
  private async resetDue(): Promise<boolean> {
    const resets = await takeCiResets(this.pool, BATCH);
    if (resets.length === 0) return false;
    try {
      await resetCiUsages(this.ciPool, resets);
    } catch (error) {
      const reason = databaseFailure(error)?.condition ?? 'unexpected';
      this.log.warn({ err: error, resets: resets.length }, 'the CI database cannot be written to');
      await failCiResets(this.pool, resets, reason);
      return false;
    }
    await completeCiResets(this.pool, resets);
    return resets.length === BATCH;
  }
}
