import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { CiResets } from '../../../src/activities/ciResets';
import { addCiReset, pendingCiResets } from '../../../src/db/ciResets';
import { SchemaCache } from '../../../src/db/gitlabSchema';
import { createPool } from '../../../src/db/pool';
import { withTransaction } from '../../../src/db/transaction';
import { restoreRow, writeRow } from '../../../src/db/rows';
import type { Table, Write } from '../../../src/domain/plan';
import { ServiceClient } from '../../support/client';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { Exposition } from '../../support/exposition';
import { installFaults } from '../../support/faults';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { TemporalProbe } from '../../support/temporal';
import { createTemporalNamespace } from '../../support/temporalServer';
import { seedPurchase, seedSubscription, told } from '../sections/support/fixtures';
import { createDatabase } from '../sections/support/ownService';
import { grantFiles, grantsOf, needlessGrants } from './support/grants';
import { createLogin, execute, migrateAndGrant } from './support/logins';
import { startStatementTap, type StatementTap } from './support/statementTap';

// An API and a worker, each a process with the rights of its own role.
const NAME = 'grants';

let client: ServiceClient;
let temporal: TemporalProbe;
const processes: ServiceProcess[] = [];
let taps: Record<'api' | 'worker', StatementTap>;
let asWorker: Pool;
/** What the API sends for syncs and its metrics; later it sends what audit pages take. */
let ofApi: Pick<StatementTap, 'statements'>;
beforeAll(async () => {
  const { adminUrl, directory, temporalAddress, temporalCli } = testEnvironment();
  const dataDir = path.join(directory, NAME);
  const [databaseUrl, temporalNamespace] = await Promise.all([
    createDatabase(adminUrl, NAME),
    createTemporalNamespace(temporalCli, temporalAddress, NAME),
    mkdir(dataDir),
  ]);
  await migrateAndGrant(databaseUrl, 'GITLAB_DATABASE_URL');
  await installFaults(databaseUrl);
  // The triggers of tests run with the role's rights, too.
  await execute(databaseUrl, [
    'CREATE TABLE users (id bigint, email text)',
    'GRANT SELECT ON test_faults TO PUBLIC',
  ]);
  const asLogin = async (role: string, login: string) =>
    startStatementTap(await createLogin(databaseUrl, role, login));
  taps = {
    api: await asLogin('provisioner_auditor', `${NAME}_api`),
    worker: await asLogin('provisioner_worker', `${NAME}_worker`),
  };
  asWorker = createPool({ url: taps.worker.url, applicationName: 'test', max: 2, onError: () => undefined });
  const start = async (part: 'api' | 'worker') => {
    const service = await startServiceProcess(
      {
        ...{ DATA_DIR: dataDir, GITLAB_DATABASE_URL: taps[part].url, PROVISION_WAIT_MS: '20000' },
        ...{ TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE: temporalNamespace },
        ...(part === 'api' && { AUDIT_USER: 'auditor', AUDIT_PASSWORD: 'secret' }),
      },
      ['--only', part],
    );
    processes.push(service);
    return service;
  };
  const [{ apiUrl }, { workerUrl }] = await Promise.all([start('api'), start('worker')]);
  client = ServiceClient.for({ apiUrl, databaseUrl, dataDir, temporalNamespace });
  temporal = TemporalProbe.in(temporalNamespace);
  await Promise.all([apiUrl, workerUrl].map((url) => Exposition.of(url)));
}, 60_000);
afterAll(async () => {
  await asWorker?.end();
  await temporal?.close();
  await client?.close();
  await Promise.all(processes.map((service) => service.stop()));
  await Promise.all(Object.values(taps ?? {}).map((tap) => tap.close()));
});

const TERM = { start_date: '2026-01-01', end_date: '2027-01-01' };
const UNITS = { quantity: 3, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' };

/** Touches every column that a sync can set. */
const WIDE = {
  base_product: {
    ...{ ...TERM, plan_code: 'ultimate', seats: 30, max_seats_used: 12, trial: true, auto_renew: true },
    ...{ trial_starts_on: '2026-01-01', trial_ends_on: '2026-02-01', contract_overages_allowed: false },
  },
  storage: {
    additional_purchased_storage_size: 2048,
    additional_purchased_storage_ends_on: '2027-01-01',
  },
  compute_minutes: { shared_runners_minutes_limit: 300, extra_shared_runners_minutes_limit: 400 },
  add_on_purchases: {
    duo_core: [{ ...UNITS, new_subscription: true }],
    duo_pro: [{ ...UNITS, trial: true }],
  },
};

/** The next term: paid seats instead of a trial, another add-on in the place of the first. */
const NEXT_TERM = { start_date: '2027-01-01', end_date: '2028-01-01' };
const RENEWAL = {
  base_product: { ...NEXT_TERM, plan_code: 'premium', seats: 40, trial: false, auto_renew: false },
  add_on_purchases: {
    duo_enterprise: [
      { quantity: 4, started_on: '2027-01-01', expires_on: '2028-01-01', purchase_xid: 'A-2', trial: false },
    ],
  },
};

/** A namespace with a row in every table. @returns its id */
async function createUsedNamespace(): Promise<string> {
  const id = await client.createNamespace({ settings: { new_user_signups_cap: 7 } });
  await client.rows(
    `UPDATE namespaces SET extra_shared_runners_minutes_limit = 1, last_ci_minutes_notification_at = now(),
       last_ci_minutes_usage_notification_level = 5 WHERE id = $1`,
    [id],
  );
  await seedSubscription(client, id, 'premium', { end_date: '2026-02-01' });
  await seedPurchase(client, id, 1);
  await client.insert('namespace_limits', { namespace_id: id });
  const date = `${new Date().toISOString().slice(0, 7)}-01`;
  await client.insert('ci_namespace_monthly_usages', { namespace_id: id, date, notification_level: 30 });
  return id;
}

/** Syncs of every kind, some of which are refused at their last step and undone. */
async function playSyncs() {
  const [fresh, used] = [await client.createNamespace(), await createUsedNamespace()];
  const answers = [
    await client.provision(`group-${fresh}`, WIDE, 2),
    await client.provision(fresh, WIDE, 1), // an older one
    await client.provision(used, WIDE, 1),
    await client.provision(used, RENEWAL, 2),
  ];
  for (const id of [await client.createNamespace(), await createUsedNamespace()]) {
    await client.fault(id, 'subscription_add_on_purchases', '23514');
    const before = await client.snapshot(id);
    answers.push(await client.provision(id, WIDE, 1));
    expect(await client.snapshot(id)).toEqual(before);
  }
  return [...answers, ...(await playJoin())];
}

/** The same request twice: the second joins the run of the first, which waits for a row. */
async function playJoin() {
  const id = await client.createNamespace();
  await client.fault(id, 'subscription_add_on_purchases', '40001');
  const first = client.provision(id, WIDE, 1);
  await temporal.pendingActivity(id, 'upsertAddOnPurchases');
  const second = client.provision(id, WIDE, 1);
  const look = /FROM provisioning.ledger[\s\S]*recordOutcome/;
  await eventually(async () => [...taps.api.statements.keys()].some((text) => look.test(text)), 'it joins');
  await client.heal(id);
  return Promise.all([first, second]);
}

/** What a compensation of the last step would delete; a run comes to that only when it is stopped in between. */
async function undoAddOns(): Promise<void> {
  const namespace_id = await client.createNamespace();
  const now = '2026-01-01 00:00:00+00';
  const schema = await new SchemaCache(asWorker).current();
  const undo = (table: Table, values: Write['values']) =>
    withTransaction(asWorker, async (tx) => {
      const write = { table, key: null, values };
      const [change] = await tx.send(writeRow(schema, 'add_on_purchases', write, now));
      expect(await restoreRow(tx, schema, change)).toBe('restored');
      await tx.commit();
    });
  await undo('subscription_add_ons', { name: 99, description: 'Undone' });
  const [addOn] = await client.rows('SELECT id FROM subscription_add_ons LIMIT 1');
  const { started_on: started_at, ...columns } = UNITS;
  const owner = {
    ...{ namespace_id, organization_id: '1' },
    ...{ subscription_add_on_id: String(addOn?.['id']), subscription_add_on_uid: 1 },
  };
  await undo('subscription_add_on_purchases', { ...owner, ...columns, started_at });
}

/** What a worker does where GitLab's CI tables are in a database of their own, first while that is away. */
async function resetCi(): Promise<void> {
  const namespaceId = await client.createNamespace();
  await withTransaction(asWorker, (tx) => tx.commit(addCiReset(namespaceId)));
  const away = createPool({
    url: 'postgres://u@127.0.0.1:1/x',
    applicationName: 'test',
    max: 1,
    onError: () => undefined,
  });
  const pending = () => client.rows('SELECT error FROM provisioning.ci_resets');
  for (const [ciPool, isDone] of [
    [away, (rows: Record<string, unknown>[]) => rows[0]?.['error'] !== null],
    [asWorker, (rows: Record<string, unknown>[]) => rows.length === 0],
  ] as const) {
    const resets = new CiResets(asWorker, ciPool, pino({ level: 'silent' }));
    await eventually(async () => isDone(await pending()), 'the reset is noted as failed, then done');
    await resets.stop();
  }
  await pendingCiResets(asWorker);
  await away.end();
}

describe('a service whose roles have the grants of deploy/sql/gitlab.sql', () => {
  test('starts without the right to create anything, and does whatever a sync asks for', async () => {
    const answers = await playSyncs();
    expect(answers.map(({ status }) => status)).toEqual([200, 409, 200, 200, 422, 422, 200, 200]);
    expect(told(answers[4] as (typeof answers)[0])[0]).toBe('rolled_back');
    await undoAddOns();
    await resetCi();
    for (const service of processes) expect(service.log()).not.toContain('42501');
  }, 60_000);

  test('shows the audit pages', async () => {
    ofApi = { statements: new Map(taps.api.statements) };
    const authorization = `Basic ${Buffer.from('auditor:secret').toString('base64')}`;
    const { apiUrl } = client.service;
    const [{ id } = { id: '' }] = await client.rows<{ id: string }>(
      'SELECT max(namespace_id) AS id FROM gitlab_subscriptions',
    );
    for (const page of ['/namespaces', `/namespaces/${id}`]) {
      expect((await fetch(apiUrl + page, { headers: { authorization } })).status).toBe(200);
    }
  });

  test.each([
    ['provisioner_reader', () => ofApi],
    ['provisioner_auditor', () => taps.api],
    ['provisioner_worker', () => taps.worker],
  ])(
    '%s needs every grant: without it a statement is refused',
    async (role, tap) => {
      const grants = await grantsOf(client.db, role);
      expect(grants.length).toBeGreaterThan(5);
      expect(await needlessGrants(client.db, role, grants, tap())).toEqual([]);
    },
    60_000,
  );

  test.each([
    ['read of people', 'SELECT email FROM users'],
    ['read of a column that no sync is about', 'SELECT created_at FROM namespaces'],
    ['write of such a column', `UPDATE namespaces SET path = 'x'`],
    ['new namespace', `INSERT INTO namespaces (name, path, organization_id) VALUES ('x', 'x', 1)`],
    ['deletion of a namespace', 'DELETE FROM namespaces'],
    ['write of the catalogue of plans', `UPDATE plans SET name = 'x'`],
    ['deletion of what the ledger says', 'DELETE FROM provisioning.ledger'],
    ['change of what the ledger says', `UPDATE provisioning.ledger SET result = '{}'`],
    ['write of the history of migrations', 'DELETE FROM provisioning.migrations'],
    ['new table', 'CREATE TABLE provisioning.x ()'],
    ['new table of GitLab', 'CREATE TABLE x ()'],
    ['new schema', 'CREATE SCHEMA x'],
    ['change of a table', 'ALTER TABLE namespaces ADD x int'],
    ['truncation', 'TRUNCATE provisioning.outbox'],
  ])('is refused any %s', async (_name, sql) => {
    await expect(asWorker.query(sql)).rejects.toMatchObject({ code: '42501' });
  });

  test('the roles of the API read only', async () => {
    const admin = await client.db.connect();
    const { rows } = await admin.query(
      `SELECT DISTINCT privilege_type FROM information_schema.column_privileges
       WHERE grantee IN ('provisioner_reader', 'provisioner_auditor')`,
    );
    admin.release();
    expect(rows).toEqual([{ privilege_type: 'SELECT' }]);
  });
});

test('every role of deploy/sql has its grants held against what it does', () => {
  expect(grantFiles()).toEqual({
    // customersDotGrants.test.ts; the pruners in pruneGrants.test.ts, the relay in relayGrants.test.ts
    'customers_dot.sql': ['provisioner_customers_dot', 'provisioner_customers_dot_pruner'],
    'gitlab.sql': [
      ...['provisioner_auditor', 'provisioner_pruner', 'provisioner_reader'],
      ...['provisioner_relay', 'provisioner_worker'],
    ],
  });
});
