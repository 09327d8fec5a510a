import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { attemptsOf, type AuditedAttempt } from './audit';
import { ANY_WORKER } from './liveness';
import type { Sync } from './syncs';

/** What happens to a sync while a person waits for it. */
export type SyncProgress =
  /** No worker runs on this database now. */
  | { kind: 'no_worker' }
  /** It has been in the queue for a while. */
  | { kind: 'queued' }
  /** An attempt has been without its answer for a while. */
  | { kind: 'unanswered' }
  /** An attempt began or ended. */
  | { kind: 'attempt'; attempt: AuditedAttempt };

/** How a request to send a sync ended. */
export type SyncOutcome =
  | { kind: 'attempt'; attempt: AuditedAttempt }
  /** A newer sync of the namespace was recorded and is sent instead. */
  | { kind: 'overtaken'; by: number };

const LOOK_EVERY_MS = 150;
const WHILE_MS = 1_000;

/**
 * Follows a sync from the request to send it until the outcome of that.
 * @param isLatest false: it is an older one, sent by force, which newer ones do not overtake
 */
export async function followSync(
  pool: Pool,
  sync: Sync,
  isLatest: boolean,
  onProgress: (progress: SyncProgress) => void,
): Promise<SyncOutcome> {
  const seen = new Set<string>();
  const report = (key: string, progress: SyncProgress) => {
    if (!seen.has(key)) onProgress(progress);
    seen.add(key);
  };
  let since = Date.now();
  for (let count = 0; ;) {
    const attempts = await attemptsOf(pool, sync.id, sync.requestedAt);
    if (attempts.length !== count) since = Date.now();
    count = attempts.length;
    const isLong = Date.now() - since > WHILE_MS;
    for (const attempt of attempts) {
      // A quick attempt has ended by now; its beginning is reported nevertheless.
      report(`${attempt.id} started`, { kind: 'attempt', attempt: { ...attempt, state: 'started' } });
      report(`${attempt.id} ${attempt.state}`, { kind: 'attempt', attempt });
    }
    const last = attempts.at(-1);
    if (last && last.state !== 'started' && last.retry_at === null) return { kind: 'attempt', attempt: last };
    if (last?.state !== 'started') {
      const by = isLatest ? await overtakenBy(pool, sync, last) : null;
      if (by !== null) return { kind: 'overtaken', by };
      if (!(await isAnyWorkerAlive(pool))) report('no worker', { kind: 'no_worker' });
      else if (!last && isLong) report('queued', { kind: 'queued' });
    } else if (isLong) report(`${last.id} unanswered`, { kind: 'unanswered' });
    await sleep(LOOK_EVERY_MS);
  }
}

/** A newer sync that has been sent since. Only the latest matters, so ours will not be. */
async function overtakenBy(pool: Pool, sync: Sync, last: AuditedAttempt | undefined): Promise<number | null> {
  const { rows } = await pool.query<{ id: string | null }>(
    `SELECT max(namespaces_sync_id) AS id FROM gitlab_namespaces_sync_attempts
     WHERE namespace_id = $1 AND namespaces_sync_id > $2 AND id > $3 AND created_at >= $4`,
    [sync.namespaceId, sync.id, last?.id ?? 0, sync.requestedAt],
  );
  const id = rows[0]?.id ?? null;
  return id === null ? null : Number(id);
}

async function isAnyWorkerAlive(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ alive: boolean }>(ANY_WORKER);
  return rows[0]?.alive ?? false;
}
