import type { Pool } from 'pg';
import { nothing, prepared, run } from './statement';

/** What relays listen to. */
export const RELEASED = 'provisioning_outbox';

const WAKE = prepared('wake_relays', `SELECT pg_notify('${RELEASED}', '')`, nothing);

/**
 * Makes what tells relays that follow-up work was released. It is told after the commit, in a transaction of its own:
 * one that notifies holds a lock of the whole server while it is written to disk, so runs would commit one by one. Calls
 * while one is under way become one more. Nobody waits, and one that fails is no loss, as relays look by themselves, too.
 */
export function relayWaker(pool: Pool): () => void {
  let isDue = false;
  let isRunning = false;
  const wake = async () => {
    isRunning = true;
    while (isDue) {
      isDue = false;
      await run(pool, WAKE()).catch(() => undefined);
    }
    isRunning = false;
  };
  return () => {
    isDue = true;
    if (!isRunning) void wake();
  };
}
