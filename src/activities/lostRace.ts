import type { SchemaCache } from '../db/gitlabSchema';
import { databaseFailure } from '../db/sqlState';

/** Whether another writer inserted the same row first; run again, the work finds it (contract 3). */
export function isLostRace(error: unknown): boolean {
  return databaseFailure(error)?.condition === 'unique_violation';
}

/**
 * Runs a transaction, and once more if it lost a race with another writer, or met tables that GitLab has changed.
 * @param work told whether this is its last try: then a unique violation is no lost race any more
 */
export async function withSecondTry<T>(
  schema: SchemaCache,
  work: (isLastTry: boolean) => Promise<T>,
): Promise<T> {
  try {
    return await work(false);
  } catch (error) {
    const isChanged = databaseFailure(error)?.class === 'schema';
    if (isChanged) schema.forget();
    if (!isChanged && !isLostRace(error)) throw error;
    return work(true);
  }
}
