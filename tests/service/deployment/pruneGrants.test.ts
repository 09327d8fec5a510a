import { afterAll, expect, test } from '@jest/globals';
import { Pool } from 'pg';
import { testEnvironment } from '../../support/environment';
import { provisioner } from '../cli/support';
import { createDatabase } from '../sections/support/ownService';
import { grantsOf, needlessGrants } from './support/grants';
import { createLogin, migrateAndGrant } from './support/logins';
import { startStatementTap } from './support/statementTap';

const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ends) await end();
});

const OLD_RUNS = `
  INSERT INTO provisioning.ledger
    (namespace_id, workflow_id, run_id, step, attempt, before, after, result, outbox_ids, created_at)
  SELECT 1, 'w', n, 'recordOutcome', 1, '[]', '[]', '{}', '{}', now() - interval '500 days' FROM generate_series(1, 3) AS n;
  INSERT INTO provisioning.outbox (namespace_id, event, payload, workflow_id, run_id, created_at, released_at)
  VALUES (1, 'index_namespace', '{}', 'w', '1', now() - interval '500 days', now() - interval '500 days')`;

const OLD_SYNCS = `
  INSERT INTO gitlab_namespaces_syncs (created_at, updated_at, namespace_id, attrs_sha256, attrs)
  SELECT at, at, 1, repeat('0', 64), '{}' FROM generate_series(1, 2), LATERAL (SELECT now() - interval '500 days' AS at) AS old;
  INSERT INTO gitlab_namespaces_sync_attempts
    (namespaces_sync_id, namespace_id, created_at, updated_at, state, try, correlation_id, worker_id)
  SELECT id, 1, created_at, created_at, 'completed', 1, 'c', 'w' FROM gitlab_namespaces_syncs`;

test.each([
  {
    ...{ role: 'provisioner_pruner', variable: 'GITLAB_DATABASE_URL' as const, rows: OLD_RUNS },
    ...{ gone: ['2 rows', '1 rows'], refused: 'UPDATE provisioning.ledger SET result = NULL' },
  },
  {
    ...{ role: 'provisioner_customers_dot_pruner', variable: 'CUSTOMERS_DOT_DATABASE_URL' as const },
    ...{ rows: OLD_SYNCS, gone: ['1 rows', '1 rows'], refused: 'SELECT attrs FROM gitlab_namespaces_syncs' },
  },
])(
  '$role prunes, and needs every one of its grants',
  async ({ role, variable, rows, gone, refused }) => {
    const url = await createDatabase(testEnvironment().adminUrl, role);
    await migrateAndGrant(url, variable);
    const owner = new Pool({ connectionString: url });
    owner.on('error', () => undefined);
    ends.push(() => owner.end());
    await owner.query(rows);
    const tap = await startStatementTap(await createLogin(url, role, `${role}_login`));
    ends.unshift(tap.close);
    const { code, out, err } = await provisioner(['prune'], { [variable]: tap.url });
    expect([code, err, out.match(/\d+ rows/g)]).toEqual([0, '', gone]);
    const grants = await grantsOf(owner, role);
    expect(grants.length).toBeGreaterThan(5);
    expect(await needlessGrants(owner, role, grants, tap)).toEqual([]);
    const login = new Pool({ connectionString: tap.url });
    ends.unshift(() => login.end());
    await expect(login.query(refused)).rejects.toMatchObject({ code: '42501' });
  },
  60_000,
);
