import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { attrs, CustomersDot } from './support/cdot';

let cdot: CustomersDot;
beforeAll(async () => {
  cdot = await CustomersDot.create('cdot_prune');
});
afterAll(() => cdot?.close());

/** A sync with so many attempts, the last of which is in this state; all of it is so many days old. */
async function pastSync(namespaceId: string, seats: number, attempts: number, days = 500): Promise<number> {
  const { sync } = await cdot.record(namespaceId, attrs(seats));
  await cdot.pool.query(`SELECT graphile_worker.remove_job('namespace:' || $1)`, [namespaceId]);
  await cdot.pool.query(
    `UPDATE gitlab_namespaces_syncs SET created_at = now() - make_interval(days => $2),
       updated_at = now() - make_interval(days => $2) WHERE id = $1`,
    [sync.id, days],
  );
  await cdot.pool.query(
    `INSERT INTO gitlab_namespaces_sync_attempts
       (namespaces_sync_id, namespace_id, created_at, updated_at, state, try, correlation_id, worker_id)
     SELECT $1, $2, now() - make_interval(days => $4), now() - make_interval(days => $4),
       CASE WHEN n = $3 THEN 'completed' ELSE 'failed' END, n, 'c', 'w'
     FROM generate_series(1, $3) AS n`,
    [sync.id, namespaceId, attempts, days],
  );
  return sync.id;
}

/** What is left: each sync with the numbers of its tries. */
const left = async (namespaceId: string) =>
  (await cdot.syncs(namespaceId)).map(({ sync_id, attempts }) => [sync_id, attempts.map((each) => each.try)]);

const prune = () => cdot.command(['prune', '--older-than', '400d']);

describe("provisioner prune on CustomersDot's database", () => {
  test('keeps the newest sync of each namespace with its last attempt', async () => {
    const id = cdot.newNamespace();
    for (const seats of [1, 2]) await pastSync(id, seats, 2);
    const newest = await pastSync(id, 3, 3);
    expect(await prune()).toEqual({
      code: 0,
      out:
        'gitlab_namespaces_sync_attempts: 6 rows older than 400 days deleted\n' +
        'gitlab_namespaces_syncs: 2 rows older than 400 days deleted\n',
      err: '',
    });
    expect(await left(id)).toEqual([[newest, [3]]]);
    expect(await cdot.record(id, attrs(3))).toMatchObject({ isNew: false });
  });

  test('keeps what is younger, and an old sync that has a young attempt', async () => {
    const id = cdot.newNamespace();
    const [old, newest] = [await pastSync(id, 1, 1), await pastSync(id, 2, 1, 30)];
    await cdot.pool.query(
      'UPDATE gitlab_namespaces_sync_attempts SET created_at = now() WHERE namespaces_sync_id = $1',
      [old],
    );
    await prune();
    expect(await left(id)).toEqual([
      [old, [1]],
      [newest, [1]],
    ]);
  });

  test('keeps an older sync that a person wants to be sent again, and its last attempt', async () => {
    const id = cdot.newNamespace();
    const [old, newest] = [await pastSync(id, 1, 2), await pastSync(id, 2, 1)];
    expect(await cdot.command(['resync', String(old), '--force'])).toMatchObject({ code: 0 });
    await cdot.pool.query(
      `UPDATE gitlab_namespaces_syncs SET updated_at = now() - interval '500 days' WHERE id = $1`,
      [old],
    );
    await prune();
    expect(await left(id)).toEqual([
      [old, [2]],
      [newest, [1]],
    ]);
  });

  test('keeps an attempt that has not ended', async () => {
    const id = cdot.newNamespace();
    const [old, newest] = [await pastSync(id, 1, 1), await pastSync(id, 2, 1)];
    await cdot.pool.query(
      `UPDATE gitlab_namespaces_sync_attempts SET state = 'started' WHERE namespaces_sync_id = $1`,
      [old],
    );
    await prune();
    expect(await left(id)).toEqual([
      [old, [1]],
      [newest, [1]],
    ]);
  });
});
