import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { databaseFailure } from './sqlState';

/** A table whose old rows may go. It has an `id` that grows and a `created_at`. */
export interface PrunableTable {
  /** With its schema. */
  name: string;
  /** The columns that the conditions look at. */
  columns: string;
  /** A table expression that the condition looks at, made once for each batch of rows `seen`. */
  expression?: string;
  /** SQL that is true for a `row` that may go; `$3` is the time from which on rows stay. */
  isPrunable: string;
  /** Looked at once more when the row is deleted: SQL that a writer who was faster makes false. */
  isUnchanged?: string;
}

/** What the tables are called. */
export const namesOf = (tables: PrunableTable[]): string[] => tables.map(({ name }) => name);

export interface PruneOptions {
  /** Rows that were created since stay: an interval of PostgreSQL before now, e.g. `400 days`. */
  keepFor: string;
  /** True: rows are counted, none is deleted. */
  isDryRun: boolean;
  /** Aborted: the batch that runs is the last one. */
  stopping: AbortSignal;
  /** Told now and then how many rows have gone so far. */
  onProgress: (rows: number) => void;
}

// Short enough for a statement of a busy server; what is deleted is locked for no longer than that.
const BATCH = 1_000;
const TELL_EVERY_MS = 10_000;
const MAX_FAILURES = 10;

/**
 * Deletes the rows of a table that may go, oldest first, in batches that are committed one by one: whenever it is
 * stopped, the next call goes on. It rests after each batch for as long as that took. Trouble that may pass is tried
 * again with smaller batches.
 * @returns how many rows have gone, or would go
 */
export async function pruneTable(
  pool: Pool,
  table: PrunableTable,
  { keepFor, isDryRun, stopping, onProgress }: PruneOptions,
): Promise<number> {
  const text = batchOf(table, isDryRun);
  const cutoff = (await pool.query<{ at: string }>('SELECT now() - $1::interval AS at', [keepFor])).rows[0]
    ?.at;
  let [last, pruned, size, failures, told] = ['0', 0, BATCH, 0, performance.now()];
  while (!stopping.aborted) {
    const begun = performance.now();
    try {
      const { rows } = await pool.query<Batch>(text, [last, size, cutoff]);
      const batch = rows[0] as Batch;
      pruned += Number(batch.pruned);
      failures = 0;
      // Ids are handed out in the order of time, more or less: by much less than a batch that is young as a whole.
      if (batch.last === null || !batch.hasOld) return pruned;
      last = batch.last;
    } catch (error) {
      failures += 1;
      if (databaseFailure(error)?.class !== 'transient' || failures > MAX_FAILURES) throw error;
      size = Math.max(10, Math.floor(size / 2));
    }
    if (performance.now() - told > TELL_EVERY_MS) {
      onProgress(pruned);
      told = performance.now();
    }
    const rest = Math.min(performance.now() - begun, 5_000) + (failures > 0 ? 500 : 0);
    await sleep(rest, undefined, { signal: stopping }).catch(() => undefined);
  }
  return pruned;
}

interface Batch {
  /** Null: there are no more rows. */
  last: string | null;
  pruned: string;
  hasOld: boolean;
}

/** One batch: which rows come after the id `$1`, `$2` at most, and what becomes of them. */
function batchOf(table: PrunableTable, isDryRun: boolean): string {
  const { name, columns, expression, isPrunable, isUnchanged = 'true' } = table;
  const gone = `DELETE FROM ${name} WHERE id IN (SELECT id FROM prunable) AND ${isUnchanged} RETURNING id`;
  return `
  WITH seen AS MATERIALIZED (
    SELECT id, created_at, ${columns} FROM ${name} WHERE id > $1 ORDER BY id LIMIT $2
  ), ${expression === undefined ? '' : `${expression},`}
  prunable AS MATERIALIZED (
    SELECT id FROM seen AS row WHERE created_at < $3::timestamptz AND (${isPrunable})
  ), gone AS (${isDryRun ? 'SELECT id FROM prunable' : gone})
  SELECT max(id) AS last, coalesce(bool_or(created_at < $3::timestamptz), false) AS "hasOld",
    (SELECT count(*) FROM gone) AS pruned
  FROM seen`;
}
