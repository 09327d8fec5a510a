import { escapeIdentifier } from 'pg';
import type { ColumnValues, Table, Write } from '../domain/plan';
import type { GitlabSchema } from './gitlabSchema';
import { GITLAB_TABLES } from './gitlabTables';
import type { Tx } from './pool';
import { made } from './statement';

/** The written columns of one row; `values` null means that the row does not exist. */
export interface RowImage {
  table: Table;
  key: string;
  values: ColumnValues | null;
}

/** One row before and after a write, exact to the microsecond: what compensation restores and compares. */
export interface RowChange {
  before: RowImage;
  after: RowImage;
}

/** What a writer of rows is given. */
export interface RowWriter {
  tx: Tx;
  schema: GitlabSchema;
}

/**
 * Writes one row as planned. Sets `updated_at`, and `created_at` of a new row, to the transaction's `now` where the
 * table has them, as GitLab's application does (contract 4).
 * @returns the written columns before and after; for an insert, null and the whole row.
 * @throws RowGone when the row to update was deleted after the plan was made.
 */
export async function writeRow({ tx, schema }: RowWriter, write: Write, now: string): Promise<RowChange> {
  const { primaryKey, columns } = GITLAB_TABLES[write.table];
  const stamps = write.key === null ? ['created_at', 'updated_at'] : ['updated_at'];
  const values = stored(schema, write.table, {
    ...write.values,
    ...Object.fromEntries(stamps.filter((stamp) => stamp in columns).map((stamp) => [stamp, now])),
  });
  if (write.key === null) return insertRow(tx, write.table, values);

  const key = write.key[primaryKey] ?? '';
  const { before, after } = await updateRow(tx, write.table, key, values);
  return {
    before: { table: write.table, key, values: before },
    after: { table: write.table, key, values: after },
  };
}

/** Without the columns that GitLab has removed (contract 7). */
function stored(schema: GitlabSchema, table: Table, values: ColumnValues): ColumnValues {
  return Object.fromEntries(Object.entries(values).filter(([column]) => schema.has(table, column)));
}

/** The row to update is not there any more: another writer deleted it within this transaction's time. */
export class RowGone extends Error {
  readonly code = 'row_gone';
  constructor(
    readonly table: Table,
    key: string,
  ) {
    super(`${table} ${key} was deleted meanwhile`);
  }
}

async function insertRow(tx: Tx, table: Table, values: ColumnValues): Promise<RowChange> {
  const columns = Object.keys(values);
  const { rows } = await tx.query<ColumnValues>(
    made(
      `INSERT INTO ${table} (${columns.map(escapeIdentifier).join(', ')})
       VALUES (${columns.map((_, index) => `$${index + 1}`).join(', ')})
       RETURNING *`,
      Object.values(values),
    ),
  );
  const row = rows[0] as ColumnValues;
  const key = String(row[GITLAB_TABLES[table].primaryKey]);
  return { before: { table, key, values: null }, after: { table, key, values: row } };
}

async function updateRow(tx: Tx, table: Table, key: string, values: ColumnValues) {
  const columns = Object.keys(values).map(escapeIdentifier);
  const id = GITLAB_TABLES[table].primaryKey;
  const { rows } = await tx.query<ColumnValues>(
    made(
      `WITH old AS (SELECT ${id}, ${columns.join(', ')} FROM ${table} WHERE ${id} = $1 FOR NO KEY UPDATE)
       UPDATE ${table} AS new SET ${columns.map((column, index) => `${column} = $${index + 2}`).join(', ')}
       FROM old WHERE new.${id} = old.${id}
       RETURNING ${columns.map((column, index) => `old.${column} AS b${index}, new.${column} AS a${index}`).join(', ')}`,
      [key, ...Object.values(values)],
    ),
  );
  const row = rows[0];
  if (!row) throw new RowGone(table, key);
  const pick = (side: string): ColumnValues =>
    Object.fromEntries(Object.keys(values).map((column, index) => [column, row[`${side}${index}`] ?? null]));
  return { before: pick('b'), after: pick('a') };
}

/**
 * Puts a row back to its values before `change`, but only if it still holds what `change` wrote (contract 3). Columns
 * and tables that GitLab has removed since are left out.
 * @returns `changed` or `gone` when somebody else changed or deleted the row since: then it is left alone.
 */
export async function restoreRow(
  { tx, schema }: RowWriter,
  { before, after }: RowChange,
): Promise<'restored' | 'changed' | 'gone'> {
  const { table, key } = after;
  if (!schema.has(table)) return 'restored';
  const id = GITLAB_TABLES[table].primaryKey;
  const written = stored(schema, table, after.values ?? {});
  const { rows } = await tx.query<ColumnValues>(
    `SELECT ${Object.keys(written).map(escapeIdentifier).join(', ')} FROM ${table} WHERE ${id} = $1 FOR UPDATE`,
    [key],
  );
  const row = rows[0];
  if (!row) return 'gone';
  if (Object.entries(written).some(([column, value]) => row[column] !== value)) return 'changed';

  if (before.values === null) {
    if (table === 'subscription_add_ons' && (await isReferenced(tx, schema, key))) return 'restored';
    await tx.query(`DELETE FROM ${table} WHERE ${id} = $1`, [key]);
    return 'restored';
  }
  const values = stored(schema, table, before.values);
  const sets = Object.keys(values).map((column, index) => `${escapeIdentifier(column)} = $${index + 2}`);
  await tx.query(`UPDATE ${table} SET ${sets.join(', ')} WHERE ${id} = $1`, [key, ...Object.values(values)]);
  return 'restored';
}

/**
 * A catalogue row stays once another namespace's purchase uses it. It is locked by now, but no foreign key holds it:
 * a purchase that is inserted in this moment may point to nothing, as others do.
 */
async function isReferenced(tx: Tx, schema: GitlabSchema, addOnId: string): Promise<boolean> {
  if (!schema.has('subscription_add_on_purchases', 'subscription_add_on_id')) return false;
  const { rows } = await tx.query(
    'SELECT 1 FROM subscription_add_on_purchases WHERE subscription_add_on_id = $1 LIMIT 1',
    [addOnId],
  );
  return rows.length > 0;
}
