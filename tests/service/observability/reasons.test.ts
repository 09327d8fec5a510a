import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { provisionPath, type ServiceClient } from '../../support/client';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { startProxy, type Proxy } from '../../support/proxy';
import { fullSync } from '../../support/syncs';
import { TemporalProbe } from '../../support/temporal';
import { Faults } from '../sections/support/faults';
import { startOwnService, type OwnService } from '../sections/support/ownService';

const WAIT_MS = 3_000;

let service: OwnService;
let client: ServiceClient;
let temporal: TemporalProbe;
let faults: Faults;
/** The service's own way to Temporal. */
let way: Proxy;
beforeAll(async () => {
  const [host = '', port] = testEnvironment().temporalAddress.split(':');
  way = await startProxy(host, Number(port));
  service = await startOwnService('reasons', 'compensate', undefined, {
    TEMPORAL_ADDRESS: `127.0.0.1:${way.port}`,
    PROVISION_WAIT_MS: String(WAIT_MS),
  });
  client = service.client;
  temporal = TemporalProbe.in(client.service.temporalNamespace);
  faults = await Faults.install(client);
});
afterAll(async () => {
  await temporal?.close();
  await service?.stop();
  await way?.close();
});

type Line = Record<string, unknown>;

/** The lines of the log so far that are about the text. */
const lines = (about: string): Line[] =>
  service
    .log()
    .split('\n')
    .filter((text) => text.includes(about))
    .map((text) => JSON.parse(text) as Line);

/** The line of the request with this id. */
const requestLine = (id: string) =>
  eventually(async () => lines(`"${id}"`).find(({ message }) => message === 'request'), `the line of ${id}`);

/** Sends a body. @returns the line of the request */
async function lineOf(body: unknown, namespaceId: string): Promise<Line> {
  const id = `reasons-${Math.random().toString(36).slice(2)}`;
  await client.request('POST', provisionPath(namespaceId), {
    headers: { 'content-type': 'application/json', 'x-request-id': id },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return requestLine(id);
}

describe('the line of a 400 says which parameters, and no value of them', () => {
  test('invalid ones', async () => {
    const provision = {
      base_product: { seats: 'secret' },
      storage: { additional_purchased_storage_size: {} },
    };
    const line = await lineOf({ provision, sync_id: -7_777_777 }, await client.createNamespace());
    const parameters = [
      'provision[base_product][seats]',
      'provision[storage][additional_purchased_storage_size]',
      'sync_id',
    ];
    expect(line).toMatchObject({ status: 400, error_code: 'invalid_parameters', parameters });
    expect(JSON.stringify(line)).not.toMatch(/secret|7777777/);
  });

  test.each([
    ['a missing one', '{}', 'invalid_parameters', 'provision is missing'],
    ['no JSON', '{"provision":secret', 'malformed_json', 'The body is not valid JSON'],
  ])('%s', async (_name, body, error_code, reason) => {
    expect(await lineOf(body, await client.createNamespace())).toMatchObject({
      status: 400,
      error_code,
      reason,
    });
  });

  test('a sub-group', async () => {
    const id = await client.createNamespace({ parent_id: await client.createNamespace() });
    expect(await lineOf({ provision: {} }, id)).toMatchObject({
      status: 400,
      error_code: 'namespace_refused',
      reason: '400 Bad request - Must be root namespace',
    });
  });
});

describe('the line of a 503 says what was needed, and why it was not there', () => {
  test('a wait that is over, for the result of its run and for its turn, however often', async () => {
    const id = await client.createNamespace();
    await faults.set(id, 'gitlab_subscriptions', '40001');
    const [own, ...others] = await Promise.all(
      [1, 2, 3, 4].map((seats) => lineOf({ provision: fullSync(seats) }, id)),
    );
    const waited = [own, ...others].map((line) => [
      line?.['status'],
      line?.['error_code'],
      line?.['dependency'],
    ]);
    expect(waited).toEqual(Array(4).fill([503, 'wait_over', 'run']));
    const reasons = [own, ...others].map((line) => line?.['reason']).sort();
    expect(reasons).toEqual([
      'the wait ran out: it was for the result',
      ...Array(3).fill('the wait ran out: it was for the turn'),
    ]);
    await faults.clear(id);
  });

  test('a run that a person has stopped', async () => {
    const id = await client.createNamespace();
    await faults.set(id, 'gitlab_subscriptions', '40001');
    const line = lineOf({ provision: fullSync(1) }, id);
    await temporal.pendingActivity(id, 'updateSubscription');
    await temporal.handle(id).terminate();
    expect(await line).toMatchObject({
      error_code: 'run_stopped',
      dependency: 'run',
      reason: 'TerminatedFailure',
    });
  });

  test('Temporal that does not answer, in time or at all', async () => {
    const id = await client.createNamespace();
    way.stall();
    const late = await lineOf({ provision: {} }, id);
    way.resume();
    expect(late).toMatchObject({
      error_code: 'wait_over',
      dependency: 'temporal',
      reason: 'the wait ran out: it was for the start',
    });
  });

  test('PostgreSQL', async () => {
    const id = await client.createNamespace();
    await client.rows('ALTER TABLE namespaces RENAME TO elsewhere');
    await client.rows(
      `CREATE FUNCTION away() RETURNS bigint LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '57P01'; END $$;
       CREATE VIEW namespaces AS SELECT * FROM elsewhere WHERE id = away()`,
    );
    const line = await lineOf({ provision: {} }, id);
    await client.rows('DROP VIEW namespaces; ALTER TABLE elsewhere RENAME TO namespaces');
    expect(line).toMatchObject({
      error_code: 'database_unavailable',
      dependency: 'gitlab_database',
      reason: '57P01',
    });
  });
});

test('what is answered without an outcome is counted by its code', async () => {
  const { text } = await client.request('GET', '/-/metrics');
  const counted = (code: string) =>
    Number(new RegExp(`^provisioner_problems_total\\{code="${code}"\\} (\\d+)`, 'm').exec(text)?.[1]);
  expect(counted('wait_over')).toBeGreaterThanOrEqual(5);
  expect(counted('invalid_parameters')).toBe(2);
  expect(counted('portal_unavailable')).toBe(0);
});

test.each([
  ['updateSubscription', 'gitlab_subscriptions'],
  ['updateNamespaceLimits', 'namespace_limits'],
  ['upsertAddOnPurchases', 'subscription_add_on_purchases'],
])(
  'a failure of %s is logged with the correlation id and as an exception of LabKit',
  async (activity, table) => {
    const id = await client.createNamespace();
    await faults.set(id, table, 'XX000', 1);
    const correlation_id = `step-${activity}`;
    await client.provision(id, fullSync(3), 1, { 'x-request-id': correlation_id });
    const line = await eventually(
      async () =>
        lines(correlation_id).find(({ message }) => message === 'unexpected failure of an activity'),
      'the failure is logged',
    );
    expect(line).toMatchObject({
      activity,
      correlation_id,
      workflow_id: `provision:${id}`,
      'exception.class': expect.any(String),
      'exception.message': 'refused by a test',
      'exception.backtrace': expect.any(Array),
    });
  },
);

describe('what the database refuses is kept, for people, in the ledger and the log:', () => {
  /** What the ledger holds beside the outcome or the step's result. */
  async function kept(id: string): Promise<unknown[]> {
    const rows = await client.rows<{ kept: unknown }>(
      `SELECT result -> 'refusals' AS kept FROM provisioning.ledger
       WHERE namespace_id = $1 AND result ? 'refusals'`,
      [id],
    );
    return rows.map((row) => row.kept);
  }

  const logged = (id: string) =>
    lines(`"provision:${id}"`).filter(({ message }) => message === 'the database refused a section');

  test('the name of a constraint', async () => {
    const id = await client.createNamespace();
    await client.rows(
      `ALTER TABLE namespace_limits ADD CONSTRAINT not_this_one
       CHECK (namespace_id <> ${id} OR additional_purchased_storage_size <> 987654)`,
    );
    const sync = { ...fullSync(3), storage: { additional_purchased_storage_size: 987654 } };
    const answer = await client.provision(id, sync, 1);
    const message = 'Namespace limit could not be saved (check_violation, namespace_limits)';
    expect(answer).toMatchObject({ status: 422, body: { message } });
    expect(Object.keys(answer.body)).toEqual(['status', 'message', 'payload']);
    const refusal = {
      section: 'storage',
      condition: 'check_violation',
      table: 'namespace_limits',
      constraint: 'not_this_one',
      text: null,
    };
    expect(await kept(id)).toEqual([[refusal]]);
    expect(logged(id)).toEqual([expect.objectContaining({ ...refusal, severity: 'WARN' })]);
    expect(JSON.stringify([await kept(id), logged(id)])).not.toContain('987654');
  });

  test('a row that a trigger keeps from being written', async () => {
    const id = await client.createNamespace();
    await client.rows(
      `CREATE FUNCTION keep_limits() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
       CREATE TRIGGER keep_limits BEFORE INSERT ON namespace_limits
       FOR EACH ROW WHEN (NEW.namespace_id = ${id}) EXECUTE FUNCTION keep_limits()`,
    );
    const answer = await client.provision(id, { storage: { additional_purchased_storage_size: 5 } }, 1);
    const message = 'Namespace limit could not be saved (no_data_found, namespace_limits)';
    expect(answer).toMatchObject({ status: 422, body: { message } });
    expect(await kept(id)).toMatchObject([[{ section: 'storage', condition: 'no_data_found' }]]);
  });

  test('what a trigger says, also if it speaks at the commit', async () => {
    for (const place of ['namespace_limits', 'namespace_limits at commit']) {
      const id = await client.createNamespace();
      await faults.set(id, place, 'P0001');
      const answer = await client.provision(id, { storage: { additional_purchased_storage_size: 5 } }, 1);
      expect(answer.status).toBe(422);
      expect(answer.text).not.toContain('refused by a test');
      expect(await kept(id)).toEqual([
        [expect.objectContaining({ condition: 'raise_exception', text: 'refused by a test' })],
      ]);
      expect(logged(id)).toEqual([
        expect.objectContaining({ section: 'storage', text: 'refused by a test' }),
      ]);
    }
  });

  test('why a row could not be put back', async () => {
    const id = await client.createNamespace();
    await client.provision(id, fullSync(1), 1);
    await faults.set(id, 'subscription_add_on_purchases', '40001');
    const sent = client.provision(id, fullSync(3), 2);
    await temporal.pendingActivity(id, 'upsertAddOnPurchases');
    await faults.set(id, 'gitlab_subscriptions', 'P0001');
    await faults.set(id, 'subscription_add_on_purchases', '23514');
    await sent;
    await temporal.ended(id);
    const rows = await client.rows<{ kept: unknown }>(
      `SELECT undo_result -> 'refusals' AS kept FROM provisioning.ledger
       WHERE namespace_id = $1 AND undo_result ? 'refusals'`,
      [id],
    );
    expect(rows).toEqual([
      { kept: [expect.objectContaining({ section: 'base_product', text: 'refused by a test' })] },
    ]);
  });
});

test('under independent the refusal is kept with its step', async () => {
  const own = await startOwnService('reasons_independent', 'independent');
  const others = await Faults.install(own.client);
  const id = await own.client.createNamespace();
  await others.set(id, 'namespace_limits', 'P0001');
  expect((await own.client.provision(id, fullSync(3), 1)).status).toBe(422);
  const rows = await own.client.rows(
    `SELECT step, result -> 'refusals' -> 0 ->> 'text' AS text FROM provisioning.ledger
     WHERE namespace_id = $1 AND result ? 'refusals'`,
    [id],
  );
  expect(rows).toEqual([{ step: 'updateNamespaceLimits', text: 'refused by a test' }]);
  await own.stop();
});
