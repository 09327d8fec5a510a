import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { ensureDatabase } from '../../../src/local/database';
import {
  gitlabFacts,
  type GitlabVersion,
  prepareGitlabDatabase,
  type TableFacts,
} from '../../../src/local/gitlabDatabase';
import { startPostgres, type LocalPostgres } from '../../../src/local/postgres';
import { Cleanup } from './support';

const cleanup = new Cleanup();
let server: LocalPostgres;

beforeAll(async () => {
  server = await startPostgres({ dataDir: await cleanup.directory(), port: 0, settings: { fsync: 'off' } });
  cleanup.add(server.stop);
});
afterAll(() => cleanup.run());

async function query(database: string, text: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: server.url(database) });
  await client.connect();
  try {
    return (await client.query<unknown[]>({ text, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

async function freshDatabase(name: string): Promise<string> {
  await ensureDatabase(server.url('postgres'), name);
  return server.url(name);
}

describe('ensureDatabase', () => {
  it('creates a database once, also when several ask at the same moment', async () => {
    const name = 'a "quoted" name';
    await Promise.all([1, 2, 3, 4].map(() => ensureDatabase(server.url('postgres'), name)));
    await ensureDatabase(server.url('postgres'), name);
    expect(await query(name, 'SELECT current_database()')).toEqual([[name]]);
  });
});

describe('prepareGitlabDatabase', () => {
  it('gives an empty database the tables, the twelve plans and the demo group', async () => {
    await prepareGitlabDatabase(await freshDatabase('empty'));
    const plans = await query('empty', 'SELECT plan_name_uid, name FROM plans ORDER BY 1');
    expect(plans).toHaveLength(12);
    expect(plans[6]).toEqual([7, 'ultimate']);
    const demo =
      'SELECT id, path, type, parent_id, organization_id, duo_nano_features_enabled FROM namespaces JOIN namespace_settings ON namespace_id = id';
    expect(await query('empty', demo)).toEqual([['1000', 'demo-group', 'Group', null, '1', null]]);
  });

  it('draws new ids after those of the demo rows', async () => {
    await prepareGitlabDatabase(await freshDatabase('sequences'));
    const insert = `INSERT INTO namespaces (name, path, organization_id) VALUES ('n', 'n', 1) RETURNING id`;
    expect(await query('sequences', insert)).toEqual([['1001']]);
    const organization = `INSERT INTO organizations (path, created_at, updated_at) VALUES ('o', now(), now()) RETURNING id`;
    expect(await query('sequences', organization)).toEqual([['2']]);
  });

  it('changes no row when it runs again, and two at once do not disturb each other', async () => {
    const url = await freshDatabase('again');
    await Promise.all([prepareGitlabDatabase(url), prepareGitlabDatabase(url)]);
    await query('again', `UPDATE namespaces SET name = 'Renamed'; `);
    await query('again', `UPDATE plans SET title = 'Renamed' WHERE name = 'gold'`);
    await prepareGitlabDatabase(url);
    expect(await query('again', 'SELECT name FROM namespaces')).toEqual([['Renamed']]);
    expect(
      await query('again', `SELECT title, (SELECT count(*)::int FROM plans) FROM plans WHERE name = 'gold'`),
    ).toEqual([['Renamed', 12]]);
  });
});

describe('the copy of the tables equals the original (contract 7)', () => {
  /** The facts of a database's tables, as its own catalogue reports them. */
  async function factsOf(database: string): Promise<Record<string, Omit<TableFacts, 'triggers'>>> {
    const [[facts] = []] = await query(
      database,
      `SELECT jsonb_object_agg(relname, jsonb_build_object(
        'columns', (
          SELECT jsonb_object_agg(attname, jsonb_strip_nulls(jsonb_build_object(
            'type', format_type(atttypid, atttypmod), 'not_null', attnotnull, 'default', pg_get_expr(adbin, adrelid))))
          FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
          WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped),
        'constraints', (
          SELECT coalesce(jsonb_agg(pg_get_constraintdef(oid) ORDER BY pg_get_constraintdef(oid) COLLATE "C"), '[]')
          FROM pg_constraint WHERE conrelid = pg_class.oid AND contype IN ('c', 'p', 'f')),
        'unique', (
          SELECT coalesce(jsonb_agg(definition ORDER BY definition COLLATE "C"), '[]') FROM (
            SELECT 'UNIQUE ' || substring(pg_get_indexdef(indexrelid) FROM 'USING .*') AS definition FROM pg_index
            WHERE indrelid = pg_class.oid AND indisunique AND NOT indisprimary) AS indexes)))
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
    );
    return facts as Record<string, TableFacts>;
  }

  it.each<GitlabVersion>(['19.5', 'planned'])(
    '%s: columns, constraints and unique indexes',
    async (version) => {
      const name = `gitlab_${version}`;
      await prepareGitlabDatabase(await freshDatabase(name), version);
      const facts = gitlabFacts(version);
      const expected = Object.fromEntries(
        Object.entries(facts).map(([table, { columns, constraints, unique }]) => [
          table,
          {
            columns,
            constraints: constraints.filter((text) => isWithin(facts, text)).sort(),
            unique: [...unique].sort(),
          },
        ]),
      );
      expect(await factsOf(name)).toEqual(expected);
      expect(Object.keys(facts['namespace_settings']?.columns ?? {})).toHaveLength(84);
    },
  );

  const isWithin = (facts: object, constraint: string) =>
    [...constraint.matchAll(/REFERENCES (\w+)\(/g)].every(([, table = '']) => Object.hasOwn(facts, table));
});
