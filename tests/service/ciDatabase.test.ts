import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { ensureDatabase } from '../../src/local/database';
import { prepareGitlabDatabase } from '../../src/local/gitlabDatabase';
import { startPostgres, type LocalPostgres } from '../../src/local/postgres';
import { eventually } from '../support/eventually';
import { testEnvironment } from '../support/environment';
import { startProxy, type Proxy } from '../support/proxy';
import { fullSync } from '../support/syncs';
import { startOwnService, type OwnService } from './sections/support/ownService';

// GitLab.com's way: the CI database is another server, and its tables in the main database are locked against writes.
let own: OwnService;
let ci: LocalPostgres;
let proxy: Proxy;
let ciDb: Client;
let variables: Record<string, string>;
const dataDir = () => path.join(testEnvironment().directory, 'ci-postgres');
const startCi = () => startPostgres({ dataDir: dataDir(), port: 0, settings: { fsync: 'off' } });

beforeAll(async () => {
  ci = await startCi();
  await ensureDatabase(ci.url('postgres'), 'gitlab_ci');
  await prepareGitlabDatabase(ci.url('gitlab_ci'));
  proxy = await startProxy('127.0.0.1', ci.port);
  await connectToCi();
  const url = new URL(ci.url('gitlab_ci'));
  url.port = String(proxy.port);
  variables = { GITLAB_CI_DATABASE_URL: url.href };
  own = await startOwnService(
    'ci_main',
    'compensate',
    async (_namespace, databaseUrl) => {
      const client = new Client({ connectionString: databaseUrl });
      await client.connect();
      await client.query(LOCK);
      await client.end();
    },
    variables,
  );
}, 60_000);
afterAll(async () => {
  await own?.stop();
  await ciDb?.end();
  await proxy?.close();
  await ci?.stop();
});

async function connectToCi(): Promise<void> {
  ciDb = new Client({ connectionString: ci.url('gitlab_ci') });
  ciDb.on('error', () => undefined); // it is stopped on purpose
  await ciDb.connect();
}

const LOCK = `
  CREATE FUNCTION gitlab_schema_prevent_write() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'Table: "%" is write protected within this Gitlab database.', TG_TABLE_NAME
      USING ERRCODE = 'modifying_sql_data_not_permitted';
  END $$;
  CREATE TRIGGER gitlab_schema_write_trigger_for_ci_namespace_monthly_usages
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ci_namespace_monthly_usages
    FOR EACH STATEMENT EXECUTE FUNCTION gitlab_schema_prevent_write();`;

/** A namespace with three shards of this month and one of the last, all of them notified. */
async function notified(): Promise<string> {
  const id = await own.client.createNamespace();
  await ciDb.query(
    `INSERT INTO ci_namespace_monthly_usages (namespace_id, date, shard_number, notification_level)
     SELECT $1, date_trunc('month', current_date - ago * interval '1 month'), shard, 30
     FROM (VALUES (0, 1), (0, 2), (0, 10), (1, 1)) AS usage (ago, shard)`,
    [id],
  );
  return id;
}

async function levels(id: string): Promise<number[]> {
  const { rows } = await ciDb.query<{ notification_level: number }>(
    'SELECT notification_level FROM ci_namespace_monthly_usages WHERE namespace_id = $1 ORDER BY date DESC, shard_number',
    [id],
  );
  return rows.map((row) => row.notification_level);
}

const isReset = (id: string) =>
  eventually(async () => (await levels(id)).join() === '100,100,100,30', 'the CI database is reset');
const pending = () => own.client.rows('SELECT * FROM provisioning.ci_resets');

test('all shards of the month are reset in the CI database, and no row is written in the main one', async () => {
  const id = await notified();
  expect((await own.client.provision(id, fullSync(3), 1)).status).toBe(200);
  await isReset(id);
  await eventually(async () => (await pending()).length === 0, 'nothing waits any more');
});

test('values that are stored already reset nothing', async () => {
  const id = await notified();
  await own.client.rows('UPDATE namespaces SET extra_shared_runners_minutes_limit = 300 WHERE id = $1', [id]);
  expect((await own.client.provision(id, fullSync(3), 1)).status).toBe(200);
  const other = await notified();
  expect((await own.client.provision(other, fullSync(3), 1)).status).toBe(200);
  await isReset(other);
  expect(await levels(id)).toEqual([30, 30, 30, 30]);
});

test('a CI database that is stopped delays no sync and fails none; what is due is seen, and done when it is back', async () => {
  const id = await notified();
  const calm = await timed(() => own.client.provision(id, fullSync(2), 1));
  await isReset(id);
  await ciDb.query('UPDATE ci_namespace_monthly_usages SET notification_level = 30 WHERE namespace_id = $1', [
    id,
  ]);
  await ciDb.end();
  await ci.stop();
  const away = await timed(() => own.client.provision(id, fullSync(3), 2));
  expect([calm.status, away.status]).toEqual([200, 200]);
  expect(away.ms).toBeLessThan(calm.ms + 2_000);
  await eventually(
    async () => typeof (await pending())[0]?.['error'] === 'string',
    'the reset is noted with its failure',
  );
  const metrics = await (await fetch(`${own.client.service.apiUrl}/-/metrics`)).text();
  expect(metrics).toMatch(/^provisioner_ci_resets 1$/m);
  expect(own.log()).toContain('the CI database cannot be written to');

  ci = await startCi();
  proxy.target = { host: '127.0.0.1', port: ci.port };
  await connectToCi();
  await isReset(id);
  await eventually(async () => (await pending()).length === 0, 'nothing waits any more');
}, 60_000);

test('a CI database that does not answer delays no sync, and not the next one of the same namespace', async () => {
  const id = await notified();
  proxy.stall();
  try {
    for (const n of [1, 2, 3]) {
      const { status, ms } = await timed(() => own.client.provision(id, fullSync(n), n));
      expect(status).toBe(200);
      expect(ms).toBeLessThan(3_000);
    }
  } finally {
    proxy.resume();
  }
  await isReset(id);
}, 60_000);

async function timed(work: () => Promise<{ status: number }>): Promise<{ status: number; ms: number }> {
  const begun = performance.now();
  const { status } = await work();
  return { status, ms: performance.now() - begun };
}

test('a reset that a killed service left is done by the next', async () => {
  const id = await notified();
  await proxy.refuse();
  await own.client.provision(id, fullSync(3), 1);
  await own.kill();
  await proxy.accept();
  expect(await levels(id)).toEqual([30, 30, 30, 30]);
  await own.start(variables);
  await isReset(id);
}, 60_000);
