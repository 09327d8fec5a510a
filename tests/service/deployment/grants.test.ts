import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Pool } from 'pg';
import { createPool, withTransaction } from '../../../src/db/pool';
import { restoreRow, writeRow } from '../../../src/db/rows';
import type { Table, Write } from '../../../src/domain/plan';
import { installFaults } from '../../support/faults';
import { seedPurchase, seedSubscription, told } from '../sections/support/fixtures';
import { startOwnService, type OwnService } from '../sections/support/ownService';
import { createLogin, execute, migrateAndGrant } from './support/logins';
import { startStatementTap, type StatementTap } from './support/statementTap';

const NAME = 'grants';
const LOGIN = 'grants_login';

let service: OwnService;
let tap: StatementTap;
let asRole: Pool;
/** The statements that syncs took; later ones are those of the audit pages. */
let ofSyncs: Set<string>;
beforeAll(async () => {
  service = await startOwnService(
    NAME,
    'compensate',
    async (_temporalNamespace, ownerUrl) => {
      await migrateAndGrant(ownerUrl, 'GITLAB_DATABASE_URL');
      await installFaults(ownerUrl);
      // The triggers of tests run with the role's rights, too.
      await execute(ownerUrl, [
        'CREATE TABLE users (id bigint, email text)',
        'GRANT SELECT ON test_faults TO PUBLIC',
      ]);
      const url = new URL(await createLogin(ownerUrl, 'provisioner_worker, provisioner_auditor', LOGIN));
      tap = await startStatementTap(Number(url.port));
      url.port = String(tap.port);
      asRole = createPool({ url: url.href, applicationName: 'test', max: 2, onError: () => undefined });
      return url.href;
    },
    { AUDIT_USER: 'auditor', AUDIT_PASSWORD: 'secret' },
  );
}, 60_000);
afterAll(async () => {
  await asRole?.end();
  await service?.stop();
  await tap?.close();
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
  const { client } = service;
  const id = await client.createNamespace();
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
  const { client } = service;
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
  return answers;
}

/** What a compensation of the last step would delete; a run comes to that only when it is stopped in between. */
async function undoAddOns(): Promise<void> {
  const namespace_id = await service.client.createNamespace();
  const now = '2026-01-01 00:00:00+00';
  const undo = (table: Table, values: Write['values']) =>
    withTransaction(asRole, async (tx) => {
      const change = await writeRow(tx, { table, key: null, values }, now);
      expect(await restoreRow(tx, change)).toBe('restored');
    });
  await undo('subscription_add_ons', { name: 99, description: 'Undone' });
  const [addOn] = await service.client.rows('SELECT id FROM subscription_add_ons LIMIT 1');
  const { started_on: started_at, ...columns } = UNITS;
  const owner = { namespace_id, organization_id: '1', subscription_add_on_id: String(addOn?.['id']) };
  await undo('subscription_add_on_purchases', { ...owner, ...columns, started_at });
}

describe('a service whose role has the grants of deploy/sql/gitlab.sql', () => {
  test('starts without the right to create anything, and does whatever a sync asks for', async () => {
    const answers = await playSyncs();
    expect(answers.map(({ status }) => status)).toEqual([200, 409, 200, 200, 422, 422]);
    expect(told(answers[4] as (typeof answers)[0])[0]).toBe('rolled_back');
    await undoAddOns();
    expect(service.log()).not.toContain('42501');
  }, 60_000);

  test('shows the audit pages', async () => {
    ofSyncs = new Set(tap.statements);
    const authorization = `Basic ${Buffer.from('auditor:secret').toString('base64')}`;
    const { apiUrl } = service.client.service;
    const [{ id } = { id: '' }] = await service.client.rows<{ id: string }>(
      'SELECT max(namespace_id) AS id FROM gitlab_subscriptions',
    );
    for (const page of ['/namespaces', `/namespaces/${id}`]) {
      expect((await fetch(apiUrl + page, { headers: { authorization } })).status).toBe(200);
    }
  });

  test.each([
    ['syncs', 'provisioner_worker', ['provisioner_worker', 'provisioner_reader']],
    ['audit pages', 'provisioner_auditor', ['provisioner_auditor']],
  ])(
    'needs every grant for %s: without it a statement is refused',
    async (what, role, grantees) => {
      const seen = [...tap.statements].filter((text) => /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)/.test(text));
      const statements = seen.filter((text) => ofSyncs.has(text) === (what === 'syncs'));
      const admin = await service.client.db.connect();
      const isRefused = async (statement: string) => {
        await admin.query('SAVEPOINT before');
        // The rights are checked before anything is carried out, and EXPLAIN carries nothing out.
        const outcome = await admin.query(`EXPLAIN (GENERIC_PLAN) ${statement}`).then(
          () => null,
          (error: Error & { code?: string }) => error,
        );
        await admin.query('ROLLBACK TO before');
        if (outcome !== null && outcome.code !== '42501') throw outcome;
        return outcome !== null;
      };
      const isAnyRefused = async (change: string) => {
        await admin.query(`BEGIN; ${change}; SET LOCAL ROLE ${role}`);
        try {
          for (const statement of statements) if (await isRefused(statement)) return true;
          return false;
        } finally {
          await admin.query('ROLLBACK');
        }
      };
      expect(await isAnyRefused('SELECT 1')).toBe(false);
      const privileges = await granted(grantees);
      expect(privileges.length).toBeGreaterThan(20);
      const needless: string[] = [];
      for (const privilege of privileges) {
        if (!(await isAnyRefused(`REVOKE ${privilege}`))) needless.push(privilege);
      }
      admin.release();
      expect(needless).toEqual([]);
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
    await expect(asRole.query(sql)).rejects.toMatchObject({ code: '42501' });
  });

  test('the roles of the API read only', async () => {
    const admin = await service.client.db.connect();
    const { rows } = await admin.query(
      `SELECT DISTINCT privilege_type FROM information_schema.column_privileges
       WHERE grantee IN ('provisioner_reader', 'provisioner_auditor')`,
    );
    admin.release();
    expect(rows).toEqual([{ privilege_type: 'SELECT' }]);
  });
});

/** What was granted, in the words of GRANT: whole tables, then columns. */
async function granted(grantees: string[]): Promise<string[]> {
  const own = `nspname IN ('public', 'provisioning') AND rolname = ANY ($1)`;
  const tables = await service.client.rows<{ grant: string }>(
    `SELECT format('%s ON %s FROM %I', privilege_type, pg_class.oid::regclass, rolname) AS grant
     FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace, aclexplode(relacl)
     JOIN pg_roles ON pg_roles.oid = grantee WHERE relkind = 'r' AND ${own}`,
    [grantees],
  );
  const columns = await service.client.rows<{ grant: string }>(
    `SELECT format('%s (%I) ON %s FROM %I', privilege_type, attname, pg_class.oid::regclass, rolname) AS grant
     FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace,
       aclexplode(attacl) JOIN pg_roles ON pg_roles.oid = grantee WHERE ${own}`,
    [grantees],
  );
  return [...tables, ...columns].map(({ grant }) => grant);
}
