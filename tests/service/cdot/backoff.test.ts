import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually';
import { attrs, CustomersDot } from './support/cdot';
import { done, json, startStandIn, unavailable, type Answering, type StandIn } from './support/standIn';

let cdot: CustomersDot;
let gitlab: StandIn;

const BASE_MS = 60_000;

beforeAll(async () => {
  [cdot, gitlab] = await Promise.all([CustomersDot.create('cdot_backoff'), startStandIn()]);
  await cdot.start({ PROVISION_API_URL: gitlab.url, CUSTOMERS_DOT_RETRY_BASE_MS: String(BASE_MS) });
});
afterAll(async () => {
  await cdot.close();
  await gitlab.close();
});

const foreign = json(503, {}, { 'retry-after': '9999999' });

async function failedOnce(answer: Answering = unavailable): Promise<string> {
  const namespace = cdot.newNamespace();
  gitlab.answer(namespace, answer);
  await cdot.record(namespace, attrs(1));
  await eventually(async () => (await lastOf(namespace))?.retry_at, 'the first try has failed');
  return namespace;
}

const lastOf = async (namespace: string) => (await cdot.attempts(namespace)).at(-1);

/** Milliseconds from the end of the last try to the next one. */
async function backoffOf(namespace: string): Promise<number> {
  const last = await eventually(async () => {
    const attempt = await lastOf(namespace);
    return (attempt?.retry_at ?? null) !== null && attempt;
  }, 'the last try has failed');
  return Date.parse(last.retry_at ?? '') - Date.parse(last.finished_at ?? '');
}

test.each([
  ['its backoff', unavailable],
  ['a Retry-After of somebody else', foreign],
])('a new sync does not wait for an older one’s: %s', async (_what, answer) => {
  const namespace = await failedOnce(answer);
  gitlab.answer(namespace, done);
  const { sync } = await cdot.record(namespace, attrs(2));
  const begun = Date.now();
  expect((await cdot.settled(namespace)).at(-1)).toMatchObject({
    sync_id: sync.id,
    state: 'completed',
    try: 1,
  });
  expect(Date.now() - begun).toBeLessThan(10_000);
});

test('nor does one that was recorded while the older one was being tried', async () => {
  const namespace = cdot.newNamespace();
  let fail: () => unknown = () => undefined;
  gitlab.answer(namespace, (res, posted) => void (fail = () => foreign(res, posted)), done);
  await cdot.record(namespace, attrs(1));
  await gitlab.received(namespace, 1);
  const { sync } = await cdot.record(namespace, attrs(2));
  fail();
  expect((await cdot.settled(namespace, 10_000)).at(-1)).toMatchObject({
    sync_id: sync.id,
    state: 'completed',
  });
});

test('the backoff of a sync counts its own tries', async () => {
  const namespace = await failedOnce();
  const { rows } = await cdot.pool.query<{ id: string }>(
    `INSERT INTO gitlab_namespaces_sync_attempts (namespaces_sync_id, namespace_id, created_at, updated_at, state,
       try, retry_at, correlation_id, worker_id)
     SELECT namespaces_sync_id, namespace_id, created_at, updated_at, state, try, retry_at, correlation_id, worker_id
     FROM gitlab_namespaces_sync_attempts, generate_series(1, 8) WHERE namespace_id = $1 RETURNING id`,
    [namespace],
  );
  expect(rows).toHaveLength(8);
  await cdot.record(namespace, attrs(2));
  await eventually(async () => (await cdot.attempts(namespace)).length === 10, 'the new one was tried');
  expect(await backoffOf(namespace)).toBeLessThanOrEqual(BASE_MS * 1.25 + 1_000);
});

test('a sync that is recorded once more without a change waits on, also when that happens during its try', async () => {
  const namespace = cdot.newNamespace();
  let fail: () => unknown = () => undefined;
  gitlab.answer(namespace, (res, posted) => void (fail = () => unavailable(res, posted)), done);
  await cdot.record(namespace, attrs(1));
  await gitlab.received(namespace, 1);
  expect(await cdot.record(namespace, attrs(1))).toMatchObject({ isNew: false });
  fail();
  const backoff = await backoffOf(namespace);
  await cdot.record(namespace, attrs(1));
  const [job] = (await cdot.jobs()).filter(({ key }) => key === `namespace:${namespace}`);
  expect(Date.parse(job?.run_at ?? '') - Date.now()).toBeGreaterThan(backoff / 2);
  expect(await gitlab.received(namespace, 1)).toHaveLength(1);
});

test('one that is sent again by hand does not', async () => {
  const namespace = await failedOnce();
  gitlab.answer(namespace, done);
  const id = (await cdot.syncs(namespace))[0]?.sync_id;
  expect(await cdot.command(['resync', String(id), '--wait'])).toMatchObject({ code: 0 });
});

test('a sync that cannot be sent is never given up: it is tried at least once an hour', async () => {
  const namespace = await failedOnce();
  await cdot.pool.query(
    `INSERT INTO gitlab_namespaces_sync_attempts (namespaces_sync_id, namespace_id, created_at, updated_at, state,
       try, retry_at, correlation_id, worker_id)
     SELECT namespaces_sync_id, namespace_id, created_at, updated_at, state, number, retry_at, correlation_id, worker_id
     FROM gitlab_namespaces_sync_attempts, generate_series(2, 2000) AS number WHERE namespace_id = $1`,
    [namespace],
  );
  await cdot.pool.query(
    `SELECT graphile_worker.reschedule_jobs(ARRAY[id], run_at => now()) FROM graphile_worker.jobs WHERE key = $1`,
    [`namespace:${namespace}`],
  );
  await eventually(async () => (await lastOf(namespace))?.try === 2001, 'it was tried once more');
  expect(await backoffOf(namespace)).toBeLessThanOrEqual(3_600_000 + 1_000);
  expect(await lastOf(namespace)).toMatchObject({ state: 'failed', message: '503 Service Unavailable' });
  const { out } = await cdot.command(['syncs', namespace, '--failed', '--json']);
  expect(JSON.parse(out)).toHaveLength(1);
});
