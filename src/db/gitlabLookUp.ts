import type { Pool } from 'pg';

/** A table as PostgreSQL's catalogue has it, and what the current role may do with it. */
export interface FoundTable {
  schema: string;
  /** GitLab's trigger locks it against writes: it lives in another of GitLab's databases. */
  isLocked: boolean;
  mayDelete: boolean;
  /** Whether new ids can be drawn; true where the primary key has no sequence. */
  mayDraw: boolean;
  columns: Map<string, FoundColumn>;
}

interface FoundColumn {
  type: string;
  /** NOT NULL, and nothing fills it in. */
  mustBeSet: boolean;
  mayRead: boolean;
  mayInsert: boolean;
  mayUpdate: boolean;
}

const TABLES = `
  SELECT wanted.name AS "table", class.relnamespace::regnamespace::text AS schema,
    has_table_privilege(class.oid, 'DELETE') AS "mayDelete",
    coalesce(has_sequence_privilege(sequence.name, 'USAGE'), true) AS "mayDraw",
    EXISTS (
      SELECT FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
      WHERE tgrelid = class.oid AND tgenabled <> 'D' AND proname = 'gitlab_schema_prevent_write'
    ) AS "isLocked",
    attname AS "column", format_type(atttypid, NULL) AS type,
    attnotnull AND NOT atthasdef AND attidentity = '' AND attgenerated = '' AS "mustBeSet",
    has_column_privilege(class.oid, attnum, 'SELECT') AS "mayRead",
    has_column_privilege(class.oid, attnum, 'INSERT') AS "mayInsert",
    has_column_privilege(class.oid, attnum, 'UPDATE') AS "mayUpdate"
  FROM pg_catalog.unnest($1::text[]) AS wanted (name)
  JOIN pg_class AS class ON class.oid = to_regclass(wanted.name)
  JOIN pg_attribute ON attrelid = class.oid AND attnum > 0 AND NOT attisdropped
  LEFT JOIN LATERAL (
    SELECT owned.oid::regclass::text AS name FROM pg_depend JOIN pg_class AS owned ON owned.oid = objid
    WHERE classid = 'pg_class'::regclass AND refobjid = class.oid AND deptype = 'a' AND owned.relkind = 'S' LIMIT 1
  ) AS sequence ON true
  ORDER BY wanted.name, attnum`;

/** Looks tables up by name; those that are not there are not in the result. */
export async function lookUpTables(pool: Pool, names: string[]): Promise<Map<string, FoundTable>> {
  type Row = { table: string; column: string } & Omit<FoundTable, 'columns'> & FoundColumn;
  const { rows } = await pool.query<Row>(TABLES, [names]);
  const found = new Map<string, FoundTable>();
  for (const { table, column, schema, isLocked, mayDelete, mayDraw, ...facts } of rows) {
    const known = found.get(table) ?? { schema, isLocked, mayDelete, mayDraw, columns: new Map() };
    found.set(table, known);
    known.columns.set(column, facts);
  }
  return found;
}
