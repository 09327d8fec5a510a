import { escapeIdentifier } from 'pg';
import type { ColumnValues, Table, Write } from '../domain/plan';
import type { SectionName } from '../domain/sections';
import type { Change } from '../domain/sync';
import type { GitlabSchema } from './gitlabSchema';
import { GITLAB_TABLES } from './gitlabTables';
import { composed, nothing, type Statement } from './statement';
import type { Tx } from './transaction';

/**
 * The statement of one planned write. Sets `updated_at`, and `created_at` of a new row, to the transaction's `now` where
 * the table has them, as GitLab's application does (contract 4).
 * @returns the written columns before and after, exact to the microsecond; of a new row the whole row
 * @throws RowNotWritten
 */
export function writeRow(
  schema: GitlabSchema,
  section: SectionName,
  { table, key, values }: Write,
  now: string,
): Statement<Change> {
  const { primaryKey, columns } = GITLAB_TABLES[table];
  const stamps = key === null ? ['created_at', 'updated_at'] : ['updated_at'];
  const written = {
    ...values,
    ...Object.fromEntries(
      stamps.filter((stamp) => Object.hasOwn(columns, stamp)).map((stamp) => [stamp, now]),
    ),
  };
  const stored = storedColumns(schema, table, written);
  return key === null
    ? insert(section, table, stored)
    : update(section, table, key[primaryKey] ?? '', stored);
}

/** Without the columns that GitLab has removed (contract 7). */
function storedColumns<Value>(
  schema: GitlabSchema,
  table: Table,
  values: Record<string, Value>,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).filter(([column]) => schema.has(table, column)));
}

/** The database wrote no row although it was there: a trigger prevents it. */
export class RowNotWritten extends Error {
  readonly code = 'row_not_written';
  constructor(readonly table: Table) {
    super(`no row of ${table} was written`);
  }
}

/** The parameters of a statement, and how its text names their values. */
class Parameters {
  readonly values: unknown[] = [];

  add(value: Write['values'][string]): string {
    if (typeof value !== 'object' || value === null) return `$${this.values.push(value)}`;
    return `(SELECT id FROM subscription_add_ons WHERE name = $${this.values.push(value.idOfAddOn)})`;
  }
}

function insert(section: SectionName, table: Table, values: Write['values']): Statement<Change> {
  const parameters = new Parameters();
  const columns = Object.keys(values).map(escapeIdentifier);
  const expressions = Object.values(values).map((value) => parameters.add(value));
  return composed(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${expressions.join(', ')}) RETURNING *`,
    parameters.values,
    ([row]: ColumnValues[]): Change => {
      if (!row) throw new RowNotWritten(table);
      return { section, table, key: String(row[GITLAB_TABLES[table].primaryKey]), before: null, after: row };
    },
  );
}

function update(section: SectionName, table: Table, key: string, values: Write['values']): Statement<Change> {
  const parameters = new Parameters();
  const id = GITLAB_TABLES[table].primaryKey;
  const where = parameters.add(key);
  const names = Object.keys(values);
  const columns = names.map(escapeIdentifier);
  const sets = Object.values(values).map((value, index) => `${columns[index]} = ${parameters.add(value)}`);
  return composed(
    `WITH old AS (SELECT ${id}, ${columns.join(', ')} FROM ${table} WHERE ${id} = ${where} FOR NO KEY UPDATE)
     UPDATE ${table} AS new SET ${sets.join(', ')} FROM old WHERE new.${id} = old.${id}
     RETURNING ${columns.map((column, index) => `old.${column} AS b${index}, new.${column} AS a${index}`).join(', ')}`,
    parameters.values,
    ([row]: ColumnValues[]): Change => {
      if (!row) throw new RowNotWritten(table);
      const side = (name: string): ColumnValues =>
        Object.fromEntries(names.map((column, index) => [column, row[`${name}${index}`] ?? null]));
      return { section, table, key, before: side('b'), after: side('a') };
    },
  );
}

/**
 * Puts a row back to its values before `change`, but only if it still holds what `change` wrote (contract 3). Columns
 * and tables that GitLab has removed since are left out.
 * @returns `changed` or `gone` when somebody else changed or deleted the row since: then it is left alone.
 */
export async function restoreRow(
  tx: Tx,
  schema: GitlabSchema,
  { table, key, before, after }: Change,
): Promise<'restored' | 'changed' | 'gone'> {
  if (!schema.has(table)) return 'restored';
  const id = GITLAB_TABLES[table].primaryKey;
  const written = storedColumns(schema, table, after ?? {});
  const [row] = await tx.send(
    composed(
      `SELECT ${Object.keys(written).map(escapeIdentifier).join(', ')} FROM ${table} WHERE ${id} = $1 FOR UPDATE`,
      [key],
      (rows: ColumnValues[]) => rows[0],
    ),
  );
  if (!row) return 'gone';
  if (Object.entries(written).some(([column, value]) => row[column] !== value)) return 'changed';

  if (before === null) {
    if (await isReferenced(tx, schema, table, key)) return 'restored';
    await tx.send(composed(`DELETE FROM ${table} WHERE ${id} = $1`, [key], nothing));
    return 'restored';
  }
  const values = storedColumns(schema, table, before);
  const sets = Object.keys(values).map((column, index) => `${escapeIdentifier(column)} = $${index + 2}`);
  const text = `UPDATE ${table} SET ${sets.join(', ')} WHERE ${id} = $1`;
  await tx.send(composed(text, [key, ...Object.values(values)], nothing));
  return 'restored';
}

/**
 * A catalogue row stays once another namespace's purchase uses it. It is locked by now, but no foreign key holds it: a
 * purchase that is inserted in this moment may point to nothing, as others do.
 */
async function isReferenced(tx: Tx, schema: GitlabSchema, table: Table, key: string): Promise<boolean> {
  const canBe = schema.has('subscription_add_on_purchases', 'subscription_add_on_id');
  if (table !== 'subscription_add_ons' || !canBe) return false;
  const [isUsed] = await tx.send(
    composed(
      'SELECT 1 FROM subscription_add_on_purchases WHERE subscription_add_on_id = $1 LIMIT 1',
      [key],
      (rows) => rows.length > 0,
    ),
  );
  return isUsed;
}
