import { readFile } from 'node:fs/promises';
import path from 'node:path';

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
export async function gitlabFacts(version: GitlabVersion): Promise<Record<string, TableFacts>> {
  const text = await readFile(path.join(SQL_DIRECTORY, `catalog-${version}.json`), 'utf8');
  return (JSON.parse(text) as { tables: Record<string, TableFacts> }).tables;
}

/**
 * SQL that creates these tables as GitLab has them: columns, types, defaults, checks, keys and unique indexes. Left out
 * are foreign keys to tables that are not among them, and triggers, whose functions belong to the rest of GitLab.
 */
export function createTables(facts: Record<string, TableFacts>): string {
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
