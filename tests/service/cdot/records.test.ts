import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { changesBetween } from '../../../src/cdot/audit';
import { recordSync, resync } from '../../../src/cdot/syncs';
import { createPool } from '../../../src/db/pool';
import { attrs, CustomersDot } from './support/cdot';

let cdot: CustomersDot;
beforeAll(async () => {
  cdot = await CustomersDot.create('cdot_records');
});
afterAll(() => cdot.close());

describe('a sync row is new only when the attributes changed:', () => {
  test.each<[string, string, string, boolean]>([
    ['the same', '{"base_product":{"seats":1}}', '{"base_product":{"seats":1}}', false],
    [
      'the order of keys',
      '{"base_product":{"seats":1,"trial":false}}',
      '{"base_product":{"trial":false,"seats":1}}',
      false,
    ],
    [
      'the spelling of numbers and texts',
      '{"base_product":{"seats":10,"plan_code":"a"}}',
      '{ "base_product": {"seats":1e1, "plan_code":"\\u0061"}}',
      false,
    ],
    ['a value', '{"base_product":{"seats":1}}', '{"base_product":{"seats":2}}', true],
    ['the type of a value', '{"base_product":{"seats":1}}', '{"base_product":{"seats":"1"}}', true],
    ['a key that was absent and is null', '{"base_product":{}}', '{"base_product":{"seats":null}}', true],
    [
      'the order of an array',
      '{"add_on_purchases":{"duo_pro":[{"quantity":1},{"quantity":2}]}}',
      '{"add_on_purchases":{"duo_pro":[{"quantity":2},{"quantity":1}]}}',
      true,
    ],
    ['nothing at all', 'null', 'null', false],
  ])('%s', async (_what, before, after, isNew) => {
    const namespace = cdot.newNamespace();
    const first = await cdot.record(namespace, JSON.parse(before));
    expect(first.isNew).toBe(true);
    const second = await cdot.record(namespace, JSON.parse(after));
    expect(second.isNew).toBe(isNew);
    expect(second.sync.id > first.sync.id).toBe(isNew);
    expect(await cdot.syncs(namespace)).toHaveLength(isNew ? 2 : 1);
  });

  test('a value that was there before the last one is a change again', async () => {
    const namespace = cdot.newNamespace();
    for (const seats of [1, 2, 1])
      expect(await cdot.record(namespace, attrs(seats))).toMatchObject({ isNew: true });
  });

  test('of processes that record the same at the same moment, one makes the row', async () => {
    const namespace = cdot.newNamespace();
    const pools = [1, 2, 3].map(() =>
      createPool({ url: cdot.databaseUrl, applicationName: 'test', max: 4, onError: () => undefined }),
    );
    const recorded = await Promise.all(
      pools.flatMap((pool) => [1, 2, 3, 4].map(() => recordSync(pool, namespace, attrs(1)))),
    );
    await Promise.all(pools.map((pool) => pool.end()));
    expect(recorded.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(new Set(recorded.map(({ sync }) => sync.id)).size).toBe(1);
  });

  test('the digest is that of the canonical JSON, as anyone can compute it', async () => {
    const namespace = cdot.newNamespace();
    await cdot.record(namespace, { storage: null, base_product: { seats: 1.5, plan_code: 'ä' } });
    const { rows } = await cdot.pool.query<{ same: boolean }>(
      `SELECT attrs_sha256 = encode(sha256(convert_to('{"base_product":{"plan_code":"ä","seats":1.5},"storage":null}', 'UTF8')), 'hex') AS same
       FROM gitlab_namespaces_syncs WHERE namespace_id = $1`,
      [namespace],
    );
    expect(rows).toEqual([{ same: true }]);
  });
});

describe('attributes that the API would refuse are not recorded:', () => {
  test.each<[string, unknown, string]>([
    ['a wrong type', { base_product: { seats: 'x' } }, 'provision[base_product][seats] is invalid'],
    ['no object', [1], 'provision is invalid'],
    ['a NUL', { base_product: { plan_code: 'a\0' } }, 'JSON contains a NUL character'],
    ['too much', { base_product: { plan_code: 'a'.repeat(102_400) } }, 'it is larger than 100 kB'],
  ])('%s', async (_what, value, message) => {
    const namespace = cdot.newNamespace();
    await expect(cdot.record(namespace, value)).rejects.toMatchObject({
      code: 'attributes_refused',
      message,
    });
    expect(await cdot.syncs(namespace)).toEqual([]);
  });
});

describe('jobs', () => {
  test('at most one waits for a namespace, however many syncs are recorded', async () => {
    const namespace = cdot.newNamespace();
    await Promise.all([1, 2, 3, 4, 5, 6].map((seats) => cdot.record(namespace, attrs(seats))));
    const jobs = (await cdot.jobs()).filter(({ key }) => key === `namespace:${namespace}`);
    expect(jobs).toHaveLength(1);
    expect(await cdot.syncs(namespace)).toHaveLength(6);
  });

  test('a job and its sync are there together or not at all', async () => {
    const namespace = cdot.newNamespace();
    await cdot.pool.query('ALTER FUNCTION graphile_worker.add_job RENAME TO add_job_away');
    try {
      await expect(cdot.record(namespace, attrs(1))).rejects.toMatchObject({ code: '42883' });
    } finally {
      await cdot.pool.query('ALTER FUNCTION graphile_worker.add_job_away RENAME TO add_job');
    }
    expect(await cdot.syncs(namespace)).toEqual([]);
  });

  test('recording keeps a backoff that is going on; sending by hand does not', async () => {
    const namespace = cdot.newNamespace();
    const key = `namespace:${namespace}`;
    const runAt = async () => (await cdot.jobs()).find((job) => job.key === key)?.run_at ?? '';
    const { sync } = await cdot.record(namespace, attrs(1));
    await cdot.pool.query(
      `SELECT graphile_worker.reschedule_jobs(ARRAY[id], run_at => now() + interval '1 hour')
       FROM graphile_worker.jobs WHERE key = $1`,
      [key],
    );
    const later = await runAt();
    await cdot.record(namespace, attrs(1));
    expect(await runAt()).toBe(later);
    await resync(cdot.pool, sync.id, { force: false });
    expect((await runAt()) < later).toBe(true);
  });
});

describe('sending again by hand', () => {
  test('an older sync is refused, unless it is forced', async () => {
    const namespace = cdot.newNamespace();
    const { sync: old } = await cdot.record(namespace, attrs(1));
    await cdot.record(namespace, attrs(2));
    await expect(resync(cdot.pool, old.id, { force: false })).rejects.toMatchObject({
      code: 'sync_not_latest',
    });
    expect(await resync(cdot.pool, old.id, { force: true })).toMatchObject({ isLatest: false });
    const keys = (await cdot.jobs()).map((job) => job.key);
    // The latest one's job is not lost by it.
    expect(keys).toEqual(expect.arrayContaining([`namespace:${namespace}`, `sync:${old.id}`]));
  });

  test('one that does not exist', async () => {
    await expect(resync(cdot.pool, 999_999, { force: true })).rejects.toMatchObject({
      code: 'sync_not_found',
    });
  });
});

test('what changed is told value by value', () => {
  expect(
    changesBetween(
      {
        base_product: { seats: 1, trial: false },
        storage: {},
        add_on_purchases: { duo_pro: [{ quantity: 1 }] },
      },
      {
        base_product: { seats: 2, trial: false, end_date: null },
        add_on_purchases: { duo_pro: [{ quantity: 3 }] },
      },
    ),
  ).toEqual([
    { path: 'add_on_purchases.duo_pro[0].quantity', before: 1, after: 3 },
    { path: 'base_product.end_date', after: null },
    { path: 'base_product.seats', before: 1, after: 2 },
    { path: 'storage', before: {} },
  ]);
});
