import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { eventually } from '../support/eventually';
import { testEnvironment } from '../support/environment';
import { fullSync } from '../support/syncs';
import { createDatabase, startOwnService, type OwnService } from './sections/support/ownService';

const MAIN = path.join(__dirname, '../../dist/cli/main.js');

/** Runs `provisioner` with these databases only. */
async function provisioner(args: string[], env: Record<string, string>) {
  const { directory, temporalAddress } = testEnvironment();
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: {
      PATH: process.env['PATH'] ?? '',
      DATA_DIR: path.join(directory, 'check'),
      TEMPORAL_ADDRESS: temporalAddress,
      // Else the check warns that nothing is delivered.
      ...{ OUTBOX_WEBHOOK_URL: 'http://127.0.0.1:8999', OUTBOX_WEBHOOK_SECRET: 'whsec_c2VjcmV0' },
      ...env,
    },
    timeout: 20_000, // a start that should have been refused must not hold the suite
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  await once(child, 'close');
  return { code: child.exitCode, out, err };
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

const database = (name: string) => createDatabase(testEnvironment().adminUrl, name);

/** GitLab's own way to lock a table that lives in another of its databases. */
const lockWrites = (table: string) => `
  CREATE OR REPLACE FUNCTION gitlab_schema_prevent_write() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'Table: "%" is write protected within this Gitlab database.', TG_TABLE_NAME
      USING ERRCODE = 'modifying_sql_data_not_permitted';
  END $$;
  CREATE TRIGGER gitlab_schema_write_trigger_for_${table}
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ${table}
    FOR EACH STATEMENT EXECUTE FUNCTION gitlab_schema_prevent_write();`;

// What is done to GitLab's database, and the line that tells of it.
const DIFFERENCES: [what: string, sql: string, line: RegExp][] = [
  ['a missing table', 'DROP TABLE namespace_limits', /^error: table namespace_limits is missing: /],
  [
    'a missing column',
    'ALTER TABLE namespace_settings DROP COLUMN new_user_signups_cap',
    /^error: column namespace_settings\.new_user_signups_cap is missing: /,
  ],
  [
    'a column that inserts leave out',
    'ALTER TABLE subscription_add_on_purchases ADD COLUMN tier text NOT NULL',
    /^error: subscription_add_on_purchases\.tier is NOT NULL without a default, and inserts do not set it: /,
  ],
  [
    'a wrong type',
    'ALTER TABLE gitlab_subscriptions ALTER COLUMN seats TYPE bigint',
    /^error: gitlab_subscriptions\.seats has type bigint instead of integer: /,
  ],
  [
    'a plan with another number',
    `UPDATE plans SET plan_name_uid = 77 WHERE name = 'gold'`,
    /^error: plan gold has the number 77 instead of 6: /,
  ],
  [
    'a table that is locked',
    lockWrites('namespaces'),
    /^error: namespaces is locked against writes here: the URL names another/,
  ],
  [
    'the CI table where it is locked',
    lockWrites('ci_namespace_monthly_usages'),
    /^error: ci_namespace_monthly_usages is locked against writes here: .* GITLAB_CI_DATABASE_URL$/,
  ],
];

describe('provisioner check names each difference in one line', () => {
  test('and says so when there is none', async () => {
    const GITLAB_DATABASE_URL = await database('check_fine');
    await execute(GITLAB_DATABASE_URL, 'DROP TABLE IF EXISTS nothing');
    const { code, out } = await provisioner(['check'], { GITLAB_DATABASE_URL });
    expect({ code, out }).toEqual({ code: 0, out: "GitLab's database is as the service needs it.\n" });
  });

  test.each(DIFFERENCES)('%s', async (what, sql, line) => {
    const GITLAB_DATABASE_URL = await database(`check_${what.replace(/\W+/g, '_').toLowerCase()}`);
    await execute(GITLAB_DATABASE_URL, sql);
    const { code, out } = await provisioner(['check'], { GITLAB_DATABASE_URL });
    expect(code).toBe(1);
    expect(out.trim().split('\n')).toEqual([expect.stringMatching(line)]);
  });

  test('a missing privilege, with the file that grants it; a worker needs more than an API', async () => {
    const url = await database('check_privileges');
    await execute(
      url,
      `CREATE ROLE check_reader LOGIN PASSWORD 'secret';
       GRANT SELECT (id, type, path, parent_id, organization_id) ON namespaces TO check_reader`,
    );
    const GITLAB_DATABASE_URL = url.replace(/\/\/.*@/, '//check_reader:secret@');
    expect((await provisioner(['check', '--only', 'api'], { GITLAB_DATABASE_URL })).code).toBe(0);
    const { code, out } = await provisioner(['check'], { GITLAB_DATABASE_URL });
    expect(code).toBe(1);
    expect(out).toContain(
      'error: the role may not SELECT, INSERT, UPDATE gitlab_subscriptions.seats: run deploy/sql/gitlab.sql',
    );
    expect(out).toContain('error: the role may not DELETE from gitlab_subscriptions');
    expect(out).toContain('error: the role may not use the sequence of gitlab_subscriptions');
  });

  test('an unknown plan or add-on is a warning: only syncs that ask for it are refused', async () => {
    const GITLAB_DATABASE_URL = await database('check_unknown');
    await execute(
      GITLAB_DATABASE_URL,
      `INSERT INTO plans (name, plan_name_uid, created_at, updated_at) VALUES ('team', 13, now(), now());
       INSERT INTO subscription_add_ons (name, description, created_at, updated_at) VALUES (10, 'New.', now(), now())`,
    );
    const { code, out } = await provisioner(['check'], { GITLAB_DATABASE_URL });
    expect(code).toBe(0);
    expect(out).toMatch(/^warning: plan team \(13\) is not known: .*\nwarning: add-on 10 is not known: /);
  });
});

test('a start on such a database ends with exit code 1 and a line for each difference', async () => {
  const GITLAB_DATABASE_URL = await database('check_start');
  await execute(
    GITLAB_DATABASE_URL,
    `ALTER TABLE namespaces DROP COLUMN shared_runners_minutes_limit;
     ALTER TABLE gitlab_subscriptions ADD COLUMN owner_id bigint NOT NULL`,
  );
  const { code, err } = await provisioner(['start', '--only', 'api,worker'], {
    GITLAB_DATABASE_URL,
    AUDIT_USER: 'auditor',
    AUDIT_PASSWORD: 'secret',
  });
  expect(code).toBe(1);
  const lines = err.split('\n').filter((line) => line.startsWith('provisioner: '));
  expect(lines).toEqual([
    expect.stringMatching(
      /^provisioner: GITLAB_DATABASE_URL: column namespaces\.shared_runners_minutes_limit is missing/,
    ),
    expect.stringMatching(
      /^provisioner: GITLAB_DATABASE_URL: gitlab_subscriptions\.owner_id is NOT NULL without a default/,
    ),
  ]);
});

describe('a difference that comes up while the service runs', () => {
  let own: OwnService;
  beforeAll(async () => {
    own = await startOwnService('check_later', 'compensate', undefined, { PROVISION_WAIT_MS: '1500' });
  });
  afterAll(() => own?.stop());

  const readiness = async () => {
    const answer = await fetch(`${own.client.service.apiUrl}/-/readiness`);
    return { status: answer.status, body: (await answer.json()) as { details?: Record<string, string[]> } };
  };

  test.each([
    [
      'a column that inserts leave out',
      'ALTER TABLE gitlab_subscriptions ADD COLUMN cell_id bigint; ALTER TABLE gitlab_subscriptions ADD CHECK (true)',
      'ALTER TABLE gitlab_subscriptions ALTER COLUMN cell_id SET NOT NULL',
      'ALTER TABLE gitlab_subscriptions DROP COLUMN cell_id',
      'gitlab_subscriptions.cell_id is NOT NULL',
    ],
    [
      'a column that was renamed',
      'SELECT 1',
      'ALTER TABLE namespaces RENAME COLUMN extra_shared_runners_minutes_limit TO extra_minutes',
      'ALTER TABLE namespaces RENAME COLUMN extra_minutes TO extra_shared_runners_minutes_limit',
      'column namespaces.extra_shared_runners_minutes_limit is missing',
    ],
  ])(
    '%s is no refusal: 503, told by the readiness, and applied once it is mended',
    async (_what, before, break_, mend, line) => {
      const { client } = own;
      const id = await client.createNamespace();
      await client.db.query(before);
      await client.db.query(break_);
      expect((await client.provision(id, fullSync(3), 1)).status).toBe(503);
      await eventually(async () => {
        const { status, body } = await readiness();
        return status === 503 && body.details?.['gitlab_schema']?.some((told) => told.startsWith(line));
      }, 'the readiness tells of it');
      expect(own.log()).toContain('the tables of GitLab are not as the service needs them');
      await client.db.query(mend);
      const applied = await eventually(
        async () => {
          const answer = await client.provision(id, fullSync(3), 1);
          return answer.status === 503 ? null : answer;
        },
        'the sync is applied',
        45_000,
      );
      expect(applied.status).toBe(200);
      expect((await client.ledger(id)).filter(({ step }) => step === 'updateSubscription')).toHaveLength(1);
      await eventually(async () => (await readiness()).status === 200, 'the service is ready again');
    },
    60_000,
  );
});
