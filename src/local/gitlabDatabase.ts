import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from 'pg';
import { PLANS } from '../domain/catalogue';
import { withClient } from './database';

/** The states of GitLab's schema that we have the facts of: as it is, and after the removals that GitLab announced. */
export type GitlabVersion = '19.5' | 'planned';

/** A table as PostgreSQL's catalogue reports it on GitLab's schema. */
export interface TableFacts {
  columns: Record<string, { type: string; not_null: boolean; default?: string }>;
  constraints: string[];
  /** Definitions of unique indexes, without the word `CREATE` and names. */
  unique: string[];
}

/** The same place seen from src/local (tests) and dist/local (compiled). */
const SQL_DIRECTORY = path.join(__dirname, '../../sql/gitlab');

/** Another process holds the lock for about a second. */
const LOCK_TIMEOUT_MS = 30_000;

/** Any number: it only has to be the same in every process that prepares the database. */
const ADVISORY_LOCK = 7_110_418;

/**
 * Makes a database look like GitLab's, for a machine that has none: the tables where they are missing, the plan
 * catalogue and a demo group. Existing rows stay as they are. One transaction; only one process at a time does it.
 */
export async function prepareGitlabDatabase(url: string, version: GitlabVersion = '19.5'): Promise<void> {
  const prepare = async (client: Pick<Client, 'query'>) => {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    const { rows } = await client.query<{ present: boolean }>(
      `SELECT to_regclass('namespaces') IS NOT NULL AS present`,
    );
    const facts = gitlabFacts(version);
    if (rows[0]?.present !== true) await client.query(createTables(facts));
    if (Object.hasOwn(facts, 'plans')) await client.query(PLAN_ROWS);
    await client.query(await readFile(path.join(SQL_DIRECTORY, 'demo.sql'), 'utf8'));
    await client.query('COMMIT');
  };
  await withClient(url, prepare, { lock_timeout: LOCK_TIMEOUT_MS });
}

const PLAN_ROWS = `
  INSERT INTO plans (name, title, plan_name_uid, created_at, updated_at)
  SELECT name, initcap(replace(name, '_', ' ')), uid, now(), now()
  FROM (VALUES ${PLANS.map(({ name, uid }) => `('${name}', ${uid})`).join(', ')}) AS plan (name, uid)
  ON CONFLICT DO NOTHING`;

/**
 * Makes a root group in the embedded database of GitLab's tables.
 * @returns its id; of the one that exists, if `isNew` is false
 */
export async function createNamespace(
  url: string,
  groupPath: string,
  name: string,
): Promise<{ id: string; isNew: boolean }> {
  return withClient(url, async (client) => {
    await client.query('BEGIN');
    // The table has no unique index of paths, so the lock serialises concurrent commands.
    await client.query('LOCK TABLE namespaces IN SHARE ROW EXCLUSIVE MODE');
    const found = await client.query<{ id: string }>(
      'SELECT id FROM namespaces WHERE lower(path) = lower($1) AND parent_id IS NULL LIMIT 1',
      [groupPath],
    );
    if (found.rows[0]) return { id: found.rows[0].id, isNew: false };
    const inserted = await client.query<{ id: string }>(INSERT_GROUP, [name, groupPath]);
    await client.query('COMMIT');
    return { id: inserted.rows[0]?.id ?? '', isNew: true };
  });
}

const INSERT_GROUP = `
  WITH inserted AS (
    INSERT INTO namespaces (id, name, path, type, organization_id, traversal_ids, created_at, updated_at)
    SELECT drawn.id, $1, $2, 'Group', organizations.id, ARRAY[drawn.id], now(), now()
    FROM nextval('namespaces_id_seq') AS drawn (id), (SELECT min(id) AS id FROM organizations) AS organizations
    RETURNING id
  )
  INSERT INTO namespace_settings (namespace_id, created_at, updated_at)
  SELECT id, now(), now() FROM inserted RETURNING namespace_id AS id`;

/**
 * Indexes of GitLab that are not unique, which the facts leave out, and that the service's statements use.
 * In production they exist.
 */
const INDEXES = `
CREATE INDEX index_on_namespaces_lower_path ON namespaces (lower(path));
CREATE INDEX index_namespaces_on_path_for_top_level_non_projects ON namespaces (lower(path))
  WHERE parent_id IS NULL AND type <> 'Project';
CREATE INDEX index_gitlab_subscription_histories_on_gitlab_subscription_id
  ON gitlab_subscription_histories (gitlab_subscription_id);
CREATE INDEX index_subscription_add_on_purchases_on_namespace_id ON subscription_add_on_purchases (namespace_id);
`;

/** The tables of a version of GitLab that provisioning touches, in an order in which they can be created. */
export function gitlabFacts(version: GitlabVersion): Record<string, TableFacts> {
  const text = readFileSync(path.join(SQL_DIRECTORY, `catalog-${version}.json`), 'utf8');
  return (JSON.parse(text) as { tables: Record<string, TableFacts> }).tables;
}

/**
 * SQL that creates these tables as GitLab has them: columns, types, defaults, checks, keys and unique indexes. Left out
 * are foreign keys to tables that are not among them, and triggers, whose functions belong to the rest of GitLab.
 */
function createTables(facts: Record<string, TableFacts>): string {
  const tables = Object.entries(facts);
  return [
    ...tables.map(([table, { columns }]) => createTable(table, columns)),
    ...tables.flatMap(([table, { constraints }]) =>
      constraints
        .filter((constraint) => refersTo(constraint).every((other) => Object.hasOwn(facts, other)))
        .sort((a, b) => Number(a.startsWith('FOREIGN')) - Number(b.startsWith('FOREIGN')))
        .map((constraint) => `ALTER TABLE ${table} ADD ${constraint};`),
    ),
    ...tables.flatMap(([table, { unique }]) =>
      unique.map((index) => `CREATE ${index.replace('UNIQUE', `UNIQUE INDEX ON ${table}`)};`),
    ),
    INDEXES,
  ].join('\n');
}

function createTable(table: string, columns: TableFacts['columns']): string {
  const sequences = Object.values(columns).flatMap(
    ({ default: value }) => /nextval\('(\w+)'/.exec(value ?? '')?.[1] ?? [],
  );
  const lines = Object.entries(columns).map(
    ([name, { type, not_null, default: value }]) =>
      `  ${name} ${type}${not_null ? ' NOT NULL' : ''}${value === undefined ? '' : ` DEFAULT ${value}`}`,
  );
  return [
    ...sequences.map((sequence) => `CREATE SEQUENCE ${sequence};`),
    `CREATE TABLE ${table} (\n${lines.join(',\n')}\n);`,
    ...sequences.map((sequence) => `ALTER SEQUENCE ${sequence} OWNED BY ${table}.id;`),
  ].join('\n');
}

function refersTo(constraint: string): string[] {
  return [...constraint.matchAll(/REFERENCES (\w+)\(/g)].map(([, table = '']) => table);
}
