import type { Pool } from 'pg';

/** What a table takes: its rows, as PostgreSQL estimated them last, and its bytes on the disk, indexes included. */
export interface TableSize {
  rows: number;
  bytes: number;
}

/**
 * Looks how large tables are, without reading them.
 * @param tables with their schemas where that is not `public`
 * @returns the sizes by the names of the tables, without schemas
 * @throws when the database does not answer soon
 */
export async function tableSizes(pool: Pool, tables: readonly string[]): Promise<Record<string, TableSize>> {
  const { rows } = await pool.query<{ name: string; rows: string; bytes: string }>(SIZES, [tables]);
  return Object.fromEntries(
    rows.map(({ name, rows, bytes }) => [name, { rows: Number(rows), bytes: Number(bytes) }]),
  );
}

// Before the first ANALYZE the estimate is -1.
const SIZES = `
  SELECT relname AS name, greatest(reltuples, 0)::bigint AS rows, pg_total_relation_size(oid) AS bytes
  FROM pg_class WHERE oid = ANY ($1::text[]::regclass[])`;
