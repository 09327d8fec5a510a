import type { GitlabSchema, SchemaCache } from '../db/gitlabSchema';
import { databaseFailure, isStaleStatement } from '../db/sqlState';

/** Whether another writer inserted the same row first; run again, the work finds it (contract 3). */
export function isLostRace(error: unknown): boolean {
  return databaseFailure(error)?.condition === 'unique_violation';
}

// As many connections as the pool has may keep a plan from before a change of a table. Each is closed when it is met.
const MAX_STALE = 25;

/**
 * Runs a transaction, and once more if it lost a race with another writer, or met tables that GitLab has changed.
 * Connections whose statements are stale do not count.
 * @param work knows GitLab's tables as they are now, and whether this is its last try: then a unique violation is no
 *   lost race any more
 */
export async function withSecondTry<T>(
  cache: SchemaCache,
  work: (schema: GitlabSchema, isLastTry: boolean) => Promise<T>,
): Promise<T> {
  let [isLastTry, stale] = [false, 0];
  for (;;) {
    try {
      return await work(await cache.current(), isLastTry);
    } catch (error) {
      if (isStaleStatement(error) && stale++ < MAX_STALE) continue;
      const isChanged = databaseFailure(error)?.class === 'schema';
      if (isChanged) cache.forget();
      if (isLastTry || !(isChanged || isLostRace(error))) throw error;
      isLastTry = true;
    }
  }
}
