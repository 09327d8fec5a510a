import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import type { AuditedSync } from '../../../src/cdot/audit';
import { findRuntime } from '../../../src/cli/runtimeFile';
import { freePort } from '../../../src/local/ports';
import { sharedService } from '../../support/shared';
import { testEnvironment } from '../../support/environment';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { attrs, CustomersDot, eventually } from './support/cdot';

let cdot: CustomersDot;
const gitlab = sharedService();
let api: ServiceProcess;
let cdotUrl: string;

/** An API of our own, whose keys no other test file uses; runs are done by the shared worker. */
function apiEnvironment(): Record<string, string> {
  const { compensate, temporalAddress } = testEnvironment();
  return {
    DATA_DIR: cdot.dataDir,
    GITLAB_DATABASE_URL: compensate.databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: compensate.temporalNamespace,
    TEMPORAL_UI_URL: 'http://temporal.example',
  };
}

beforeAll(async () => {
  cdot = await CustomersDot.create('cdot_commands');
  // CustomersDot's side first: it finds the API as soon as there is one.
  cdotUrl = (await cdot.start({})).url;
  api = await startServiceProcess(apiEnvironment(), ['--only', 'api']);
});
afterAll(async () => {
  await cdot.close();
  await api?.stop();
});

const FULL = {
  ...attrs(10),
  add_on_purchases: {
    duo_pro: [{ quantity: 5, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' }],
  },
};

const sync = (namespace: string, value: unknown) =>
  cdot.command(['sync', namespace, '-', '--wait'], JSON.stringify(value));

describe('provisioner sync --wait', () => {
  test('records, sends and shows the outcome of each section; exit code 0', async () => {
    const namespace = await gitlab.createNamespace();
    const { code, out, err } = await sync(namespace, FULL);
    expect(out.replace(/\d+\.\d+ s/, 'T s').replace(/provision%3A.*/, 'RUN')).toMatch(
      new RegExp(
        [
          `^Sync \\d+ of namespace ${namespace}: new`,
          'Sync \\d+: completed \\(HTTP 200, T s\\)',
          '  base_product      success',
          '  storage           not asked',
          '  compute_minutes   not asked',
          '  add_on_purchases  success',
          `  Run: http://temporal.example/namespaces/${gitlab.service.temporalNamespace}/workflows/RUN\n$`,
        ].join('\n'),
      ),
    );
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/^Attempt \d+, try 1: sent\n(Waiting for the answer .*\n)?$/),
    ]);
    expect(await gitlab.snapshot(namespace)).toMatchObject({ gitlab_subscriptions: [{ seats: 10 }] });

    const again = await sync(namespace, FULL);
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining('unchanged, sent again') });
    const [audited, ...others] = await cdot.syncs(namespace);
    expect([audited?.attempts.length, others]).toEqual([2, []]);
  });

  test('2 when a section was refused, 1 for an unknown namespace', async () => {
    const namespace = await gitlab.createNamespace();
    const refused = await sync(namespace, { base_product: { plan_code: 'premium', seats: null } });
    expect(refused).toMatchObject({ code: 2, out: expect.stringContaining('partially_failed (HTTP 422') });
    expect(refused.out).toContain("base_product      error: Gitlab subscription seats can't be blank");
    const unknown = await sync('987654321', FULL);
    expect(unknown).toMatchObject({ code: 1, out: expect.stringContaining('404 Namespace Not Found') });
  });

  test('3 when a newer sync was applied: an older one is sent only by force, and answered 409', async () => {
    const namespace = await gitlab.createNamespace();
    for (const seats of [1, 2]) {
      await cdot.record(namespace, attrs(seats));
      await cdot.settled(namespace);
    }
    const old = String((await cdot.syncs(namespace))[0]?.sync_id);
    expect(await cdot.command(['resync', old])).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /^provisioner: Sync \d+ is older than sync \d+ of namespace \d+.*--force\n$/,
      ),
    });
    expect(await cdot.command(['resync', old, '--force', '--wait'])).toMatchObject({
      code: 3,
      out: expect.stringContaining('Superseded by sync'),
    });
    expect(await gitlab.snapshot(namespace)).toMatchObject({ gitlab_subscriptions: [{ seats: 2 }] });
  });

  test.each([
    ['no JSON', '{', /^provisioner: standard input is refused: it is not valid JSON\n$/],
    ['a wrong type', '{"storage":[]}', /provision\[storage\] is invalid/],
    ['a number beyond all', '{"base_product":{"seats":1e999}}', /seats is out of range/],
  ])('%s is refused before it is recorded', async (_what, input, message) => {
    const namespace = cdot.newNamespace();
    const { code, err } = await cdot.command(['sync', namespace, '-', '--wait'], input);
    expect([code, err]).toEqual([1, expect.stringMatching(message)]);
    expect(await cdot.syncs(namespace)).toEqual([]);
  });

  test('a namespace may be given by its path, in GitLab’s database', async () => {
    const namespace = await gitlab.createNamespace();
    const [row] = await gitlab.rows<{ path: string }>(`SELECT path FROM namespaces WHERE id = ${namespace}`);
    const GITLAB_DATABASE_URL = gitlab.service.databaseUrl;
    const { code, out } = await cdot.command(['sync', row?.path ?? '', '-', '--wait'], '{}', {
      GITLAB_DATABASE_URL,
    });
    expect([code, out]).toEqual([0, expect.stringContaining(`of namespace ${namespace}: new`)]);
    const listed = await cdot.command(['syncs', row?.path ?? '', '--json'], '', { GITLAB_DATABASE_URL });
    expect(JSON.parse(listed.out)).toMatchObject([{ namespace_id: namespace }]);
    expect(await cdot.command(['syncs', 'no-such/group'], '', { GITLAB_DATABASE_URL })).toMatchObject({
      code: 1,
      err: 'provisioner: There is no namespace no-such/group\n',
    });
    // Where only CustomersDot's database is known, there is nothing to look into.
    expect(await cdot.command(['syncs', 'no-such/group'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /^provisioner: no-such\/group cannot be looked up: GITLAB_DATABASE_URL is not set/,
      ),
    });
  });

  test('says what it waits for, with a link to the run', async () => {
    const namespace = await gitlab.createNamespace();
    const locker = new Client({ connectionString: gitlab.service.databaseUrl });
    await locker.connect();
    await locker.query('BEGIN');
    await locker.query('SELECT FROM namespaces WHERE id = $1 FOR UPDATE', [namespace]);
    const waiting = cdot.startCommand(['sync', namespace, '-', '--wait'], JSON.stringify(FULL));
    await eventually(async () => waiting.err().includes('Waiting'));
    const page = `http://temporal.example/namespaces/${gitlab.service.temporalNamespace}/workflows/provision%3A${namespace}`;
    expect(waiting.err()).toMatch(/^Attempt \d+, try 1: sent\n/);
    expect(waiting.err()).toContain(`Waiting for the answer of the API; the run: ${page}\n`);
    await locker.end();
    expect(await waiting.ended).toMatchObject({ code: 0 });
  });

  test('a namespace that is no number and a file that is not there', async () => {
    expect(await cdot.command(['sync', 'demo', '-'])).toMatchObject({ code: 1 });
    const { code, err } = await cdot.command(['sync', '1', '/nowhere.json']);
    expect([code, err]).toEqual([1, expect.stringContaining('/nowhere.json cannot be read')]);
  });
});

test('provisioner syncs lists what was recorded, what changed and what came of it', async () => {
  const { temporalNamespace } = gitlab.service;
  const namespace = await gitlab.createNamespace();
  for (const seats of [1, 3]) {
    await cdot.record(namespace, attrs(seats));
    await cdot.settled(namespace);
  }
  const { out: text } = await cdot.command(['syncs', namespace]);
  const [header = '', ...rows] = text.trimEnd().split('\n');
  expect(rows).toHaveLength(2);
  expect(rows[1]).toContain('base_product.seats 1 → 3');
  // Aligned: every line has its state below the header's.
  for (const row of rows) expect(row.slice(header.indexOf('STATE'))).toMatch(/^completed +200 /);
  expect(text).not.toContain('\u001b');

  const { out } = await cdot.command(['syncs', namespace, '--json']);
  const syncs = JSON.parse(out) as (AuditedSync & { attempts: { run_url: string }[] })[];
  expect(syncs).toMatchObject([
    { namespace_id: namespace, attrs: attrs(1), changes: null, attempts: [{ state: 'completed' }] },
    { attrs: attrs(3), changes: [{ path: 'base_product.seats', before: 1, after: 3 }] },
  ]);
  const [attempt] = syncs[1]?.attempts ?? [];
  expect(attempt).toMatchObject({ http_status: 200, message: null, workflow_id: `provision:${namespace}` });
  expect(attempt?.run_url).toContain(`http://temporal.example/namespaces/${temporalNamespace}/`);
  expect(attempt?.run_url).toContain(attempt?.run_id);
  expect(JSON.parse((await cdot.command(['syncs', namespace, '--failed', '--json'])).out)).toEqual([]);
});

describe('keys', () => {
  const keysOf = async (url: string) => {
    const { keys } = (await (await fetch(`${url}/oauth/discovery/keys`)).json()) as {
      keys: { kid: string }[];
    };
    return keys.map(({ kid }) => kid);
  };

  test('are rotated while syncs go on, and none is refused', async () => {
    const namespace = await gitlab.createNamespace();
    const before = await keysOf(cdotUrl);
    let seats = 0;
    const send = async () => {
      await cdot.record(namespace, attrs(++seats));
      await cdot.settled(namespace);
    };
    await send();
    const rotation = cdot.command(['keys', 'rotate']);
    let isRotated = false;
    void rotation.then(() => (isRotated = true));
    while (!isRotated) await send();
    for (let i = 0; i < 3; i++) await send();
    const { code, out } = await rotation;
    expect([code, out]).toEqual([0, expect.stringContaining(`${before[0]} stays published until`)]);
    const states = (await cdot.attempts(namespace)).map(({ state }) => state);
    expect(new Set(states)).toEqual(new Set(['completed']));

    const after = await keysOf(cdotUrl);
    expect(await keysOf(api.apiUrl)).toEqual(after); // the API's own issuer has the same keys
    expect(after[0]).not.toBe(before[0]);
    expect(after).toContain(before[0]);
  });

  test('are not rotated again before every API can have looked', async () => {
    expect(await cdot.command(['keys', 'rotate'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^provisioner: The keys were rotated \d+ s ago: try again in \d+ s/),
    });
  });
});

test('an API elsewhere trusts this side when SUBSCRIPTION_PORTAL_URL names it', async () => {
  const port = await freePort(0, '127.0.0.1');
  const portal = { SUBSCRIPTION_PORTAL_URL: `http://127.0.0.1:${port}` };
  const elsewhere = await startServiceProcess(
    { ...apiEnvironment(), ...portal, DATA_DIR: `${cdot.dataDir}/elsewhere` },
    ['--only', 'api'],
  );
  const far = await CustomersDot.create('cdot_far');
  const { url } = await far.start({
    ...portal,
    CUSTOMERS_DOT_PORT: String(port),
    PROVISION_API_URL: elsewhere.apiUrl,
  });
  expect(await (await fetch(`${url}/.well-known/openid-configuration`)).json()).toMatchObject({
    issuer: url,
  });
  const namespace = await gitlab.createNamespace();
  // Another CustomersDot: its ids begin anew, which is fine for a namespace that was never provisioned.
  await far.record(namespace, attrs(1));
  expect(await far.settled(namespace)).toMatchObject([{ state: 'completed' }]);
  await far.close();
  await elsewhere.stop();
});

test('its address stays published for other processes on the data directory', async () => {
  expect(await findRuntime(cdot.dataDir)).toMatchObject({ customersDotUrl: cdotUrl, apiUrl: api.apiUrl });
});

test('health says what is missing', async () => {
  expect((await fetch(`${cdotUrl}/-/liveness`)).status).toBe(200);
  expect(await (await fetch(`${cdotUrl}/-/readiness`)).json()).toEqual({
    status: 'ok',
    checks: { customers_dot_database: 'ok', queue_worker: 'ok' },
  });
});

test('a sync waits for a worker where none runs, and says so', async () => {
  const alone = await CustomersDot.create('cdot_alone');
  const waiting = alone.command(['sync', '1', '-', '--wait'], '{}');
  await eventually(async () => (await alone.syncs('1')).length === 1);
  const nobody = `http://127.0.0.1:${await freePort(0, '127.0.0.1')}`;
  await alone.start({ PROVISION_API_URL: nobody, CUSTOMERS_DOT_MAX_ATTEMPTS: '1' });
  const { code, out, err } = await waiting;
  expect(err).toContain('No worker of CustomersDot runs on this database');
  expect([code, out]).toEqual([1, expect.stringContaining('given up (no answer')]);
  await alone.close();
});
