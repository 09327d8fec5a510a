import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { provisioner } from '../cli/support';
import { startCommand } from '../operations/support/startCommand';

const { adminUrl, template } = testEnvironment();

/** Connections that end with the tests. */
const clients: Client[] = [];
async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  clients.push(client);
  await client.connect();
  return client;
}
afterAll(async () => {
  await Promise.all(clients.map((client) => client.end()));
});

async function createDatabase(name: string): Promise<string> {
  await (await connect(adminUrl)).query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  return adminUrl.replace(/\/postgres$/, `/${name}`);
}

/** What a step does; it waits for locks as long as a session of the service. */
const WRITE = `
  INSERT INTO provisioning.ledger
    (namespace_id, workflow_id, run_id, step, attempt, before, after, result, outbox_ids, created_at)
  VALUES (1, 'w', gen_random_uuid(), 'recordOutcome', 1, '[]', '[]', '{"status":"success"}', '{}', now())`;

/** Has writers at work meanwhile. @returns how many of their writes succeeded and failed */
async function whileWriting(
  url: string,
  work: () => Promise<void>,
): Promise<{ written: number; failed: number }> {
  const counts = { written: 0, failed: 0 };
  let isOver = false;
  const write = async () => {
    const client = await connect(url);
    await client.query(`SET lock_timeout = '3s'`);
    while (!isOver) {
      await client.query(WRITE).then(
        () => counts.written++,
        () => counts.failed++,
      );
    }
  };
  const writers = [write(), write(), write()];
  await work().finally(() => (isOver = true));
  await Promise.all(writers);
  return counts;
}

describe('migrations of a ledger in use', () => {
  let url: string;
  let admin: Client;
  beforeAll(async () => {
    url = await createDatabase('migrated_in_use');
    await provisioner(['migrate'], { GITLAB_DATABASE_URL: url });
    admin = await connect(url);
  });

  /** Takes the schema back to what its first migrations made of it. */
  async function takeBackTo(name: string): Promise<void> {
    await admin.query(`
      DROP INDEX IF EXISTS provisioning.ledger_failures, provisioning.ledger_outcomes, provisioning.ledger_requests,
        provisioning.ledger_kept, provisioning.ledger_refusals, provisioning.outbox_unrelayed;
      DROP TABLE IF EXISTS provisioning.ci_resets, provisioning.outbox_deliveries;
      ALTER TABLE provisioning.outbox DROP COLUMN IF EXISTS attempts, DROP COLUMN IF EXISTS relayed_at,
        DROP COLUMN IF EXISTS delivered_at`);
    if (name < '0002') await admin.query('ALTER TABLE provisioning.ledger DROP COLUMN run_started_at');
    await admin.query('DELETE FROM provisioning.migrations WHERE name > $1', [name]);
  }

  const invalidIndexes = async () =>
    (await admin.query<object>('SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid')).rows;

  test('an index waits for an old transaction without blocking a single writer', async () => {
    await takeBackTo('0002_run_started_at');
    const old = await connect(url);
    await old.query(`BEGIN; ${WRITE}`);
    const migration = await startCommand(['migrate'], { GITLAB_DATABASE_URL: url });
    const isBuilding = async () =>
      (await admin.query(`SELECT FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%'`)).rowCount;
    await eventually(async () => (await isBuilding()) === 1, 'the index waits for the old transaction');
    await admin.query(`SET lock_timeout = '1ms'`);
    for (let count = 0; count < 20; count++) await admin.query(WRITE);
    await admin.query('RESET lock_timeout');
    await old.query('COMMIT');
    expect(await migration.ended).toMatchObject({ code: 0, err: '' });
    expect(await invalidIndexes()).toEqual([]);
  });

  test('a change of the table waits for its lock a second at a time: writers go on, and none fails', async () => {
    await takeBackTo('0001_ledger');
    const reader = await connect(url);
    await reader.query('BEGIN; SELECT FROM provisioning.ledger LIMIT 1');
    const tries = `SELECT FROM pg_stat_activity WHERE query LIKE '%ALTER TABLE%' AND wait_event_type = 'Lock'
      AND pid <> pg_backend_pid()`;
    const waiting = async () => (await admin.query(tries)).rowCount;
    const { written, failed } = await whileWriting(url, async () => {
      const migration = await startCommand(['migrate'], { GITLAB_DATABASE_URL: url });
      for (const count of [1, 2, 3]) {
        await eventually(async () => (await waiting()) === 1, `try ${count} waits`);
        await eventually(async () => (await waiting()) === 0, `try ${count} is given up`);
      }
      await reader.query('COMMIT');
      expect(await migration.ended).toEqual({
        code: 0,
        out: expect.stringMatching(/^Applied 0002_run_started_at, /),
        err: 'migration 0002_run_started_at of schema provisioning waits for a lock, a second at a time\n',
      });
    });
    expect([written > 0, failed]).toEqual([true, 0]);
  });

  test('an index that a failed build has left invalid is built again', async () => {
    await takeBackTo('0002_run_started_at');
    const old = await connect(url);
    await old.query(`BEGIN; ${WRITE}`);
    await admin.query(`SET lock_timeout = '1ms'`);
    await expect(
      admin.query('CREATE INDEX CONCURRENTLY ledger_failures ON provisioning.ledger (id)'),
    ).rejects.toMatchObject({ code: '55P03' });
    await admin.query('RESET lock_timeout');
    expect(await invalidIndexes()).toHaveLength(1);
    await old.query('COMMIT');
    expect(await provisioner(['migrate'], { GITLAB_DATABASE_URL: url })).toMatchObject({ code: 0 });
    expect(await invalidIndexes()).toEqual([]);
    const { rows } = await admin.query(`SELECT pg_get_indexdef('provisioning.ledger_failures'::regclass)`);
    expect(JSON.stringify(rows)).toContain('WHERE');
  });
});

describe("migrations of CustomersDot's job queue", () => {
  let url: string;
  let admin: Client;
  beforeAll(async () => {
    url = await createDatabase('migrated_queue');
    await provisioner(['migrate'], { CUSTOMERS_DOT_DATABASE_URL: url });
    admin = await connect(url);
  });

  test('take turns with those of other processes, as its own tables’ do', async () => {
    await admin.query('DROP SCHEMA graphile_worker CASCADE');
    await admin.query('SELECT pg_advisory_lock(5072911)');
    const migration = await startCommand(['migrate'], { CUSTOMERS_DOT_DATABASE_URL: url });
    await eventually(async () => migration.err() !== '', 'it says that it waits');
    expect((await admin.query(`SELECT to_regnamespace('graphile_worker') AS schema`)).rows).toEqual([
      { schema: null },
    ]);
    await admin.query('SELECT pg_advisory_unlock(5072911)');
    expect(await migration.ended).toMatchObject({ code: 0, err: expect.stringMatching(/^waiting for /) });
    expect((await admin.query('SELECT FROM graphile_worker.jobs')).rowCount).toBe(0);
  });

  test('wait for their locks a second at a time', async () => {
    await admin.query('DELETE FROM graphile_worker.migrations WHERE id = 19');
    const reader = await connect(url);
    await reader.query('BEGIN; LOCK TABLE graphile_worker.migrations IN SHARE MODE');
    const migration = await startCommand(['migrate'], { CUSTOMERS_DOT_DATABASE_URL: url });
    await eventually(async () => migration.err() !== '', 'it says that it waits');
    expect(migration.err()).toBe(
      "the migration of the job queue's schema waits for a lock, a second at a time\n",
    );
    await reader.query('COMMIT');
    await migration.ended;
  });
});
