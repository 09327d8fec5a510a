import type { Pool } from 'pg';
import { GITLAB_TABLES } from './gitlabTables';

/** Which of the tables and columns that GitLab is about to remove are still there (contract 7). */
export interface GitlabSchema {
  has(table: string, column?: string): boolean;
}

const MAX_AGE_MS = 60_000;

/**
 * What is known of GitLab's schema. GitLab changes it while the service runs: it is looked at again after a minute, and
 * at once after a statement has failed on it.
 */
export class SchemaCache {
  private known: { schema: Promise<GitlabSchema>; at: number } | undefined;

  constructor(private readonly pool: Pool) {}

  /** @throws the database's error while it cannot be had */
  current(): Promise<GitlabSchema> {
    const now = performance.now();
    if (!this.known || now - this.known.at > MAX_AGE_MS) {
      const schema = readGitlabSchema(this.pool);
      this.known = { schema, at: now };
      schema.catch(() => this.forget());
    }
    return this.known.schema;
  }

  /** The next caller looks again. */
  forget(): void {
    this.known = undefined;
  }
}

const COLUMNS = `
  SELECT wanted.name AS "table", attribute.attname AS "column"
  FROM unnest($1::text[]) AS wanted (name)
  JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = to_regclass(quote_ident(wanted.name))
  WHERE attribute.attnum > 0 AND NOT attribute.attisdropped`;

/** Looks which columns GitLab's tables have. */
async function readGitlabSchema(pool: Pool): Promise<GitlabSchema> {
  const { rows } = await pool.query<{ table: string; column: string }>(COLUMNS, [Object.keys(GITLAB_TABLES)]);
  const columns = new Set(rows.map(({ table, column }) => `${table}.${column}`));
  const tables = new Set(rows.map(({ table }) => table));
  return {
    has: (table, column) => (column === undefined ? tables.has(table) : columns.has(`${table}.${column}`)),
  };
}
