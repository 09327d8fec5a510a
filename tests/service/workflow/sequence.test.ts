import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Pool } from 'pg';
import { sharedService, sharedTemporal } from '../../support/shared';
import { eventually } from '../../support/eventually';
import { fullSync } from '../../support/syncs';
import { ActivityRun, inputOf, openPool } from './support/activityRun';

const client = sharedService();
const temporal = sharedTemporal();
let pool: Pool;
beforeAll(async () => {
  pool = openPool(client.service.databaseUrl);
});
afterAll(async () => {
  await pool.end();
});

const STEPS = ['updateSubscription', 'updateNamespaceLimits', 'upsertAddOnPurchases'] as const;
const [FIRST, SECOND, THIRD] = STEPS;
const SKIPPED = { kind: 'skipped', reason: 'a step before it has failed, or has ended the sync' };

const stepsOf = async (id: string) => (await client.ledger(id)).map(({ step }) => step);
const allOf = (run: ActivityRun, steps: readonly (typeof STEPS)[number][] = STEPS) =>
  Promise.all(steps.map((step) => run.together(step).result));

describe('steps that are called at once', () => {
  test.each([
    ['their own', STEPS],
    ['the opposite', [THIRD, SECOND, FIRST]],
    ['another', [SECOND, THIRD, FIRST]],
  ] as const)('run in the order of the steps if they come in %s', async (_name, order) => {
    const id = await client.createNamespace();
    const run = new ActivityRun(pool, inputOf(id, 3, 1));
    const results = await allOf(run, order);
    expect(await stepsOf(id)).toEqual(['admitSync', ...STEPS, 'recordOutcome']);
    expect(results[[...order].indexOf(FIRST)]).toMatchObject({ admission: { outcome: 'admitted' } });
    expect(results[[...order].indexOf(THIRD)]).toMatchObject({ answer: { status: 'success' } });
    expect(run.answers).toMatchObject([{ status: 'success' }]);
  });

  test('answer in their order, when the last of them has ended', async () => {
    const id = await client.createNamespace();
    const run = new ActivityRun(pool, inputOf(id, 3, 1));
    const answered: string[] = [];
    const lock = await pool.connect();
    try {
      await lock.query('BEGIN');
      // The second step is to make this row, and waits to see whether somebody else does.
      await lock.query('INSERT INTO namespace_limits (namespace_id) VALUES ($1)', [id]);
      const all = [THIRD, SECOND, FIRST].map((step) =>
        run.together(step).result.then(() => answered.push(step)),
      );
      await eventually(async () => (await stepsOf(id)).includes(FIRST), 'the first step has committed');
      expect(answered).toEqual([]);
      await lock.query('ROLLBACK');
      await Promise.all(all);
    } finally {
      lock.release();
    }
    expect(answered).toEqual(STEPS);
  });

  test('return the first results when they are called again, as after a crash', async () => {
    const id = await client.createNamespace();
    const run = new ActivityRun(pool, inputOf(id, 3, 1));
    const first = await allOf(run);
    const state = [await client.snapshot(id), await client.outbox(id), await client.ledger(id)];
    expect(await allOf(run)).toMatchObject(first);
    expect([await client.snapshot(id), await client.outbox(id), await client.ledger(id)]).toEqual(state);
  });

  test('go on where a worker that crashed had come to', async () => {
    const id = await client.createNamespace();
    const run = new ActivityRun(pool, inputOf(id, 3, 1));
    await run.open(FIRST);
    expect(await allOf(run)).toMatchObject([{}, {}, { answer: { status: 'success' } }]);
    expect(await stepsOf(id)).toEqual(['admitSync', ...STEPS, 'recordOutcome']);
  });

  test('are skipped behind one that failed', async () => {
    const id = await client.createNamespace();
    await client.fault(id, 'namespace_limits', '40001');
    const run = new ActivityRun(pool, inputOf(id, 3, 1));
    const [first, second, third] = await Promise.allSettled(STEPS.map((step) => run.together(step).result));
    expect(first).toMatchObject({ status: 'fulfilled', value: { attempt: 1 } });
    expect(second).toMatchObject({ status: 'rejected', reason: { type: 'TransientError' } });
    expect(third).toEqual({ status: 'fulfilled', value: SKIPPED });
    expect(await stepsOf(id)).toEqual(['admitSync', FIRST]);
    await client.heal(id);
  });

  test('are skipped in a sync that is refused at its admission', async () => {
    const id = await client.createNamespace();
    const run = new ActivityRun(pool, inputOf(id, -1, 1));
    expect(await allOf(run)).toMatchObject([{ answer: { status: 'error' } }, SKIPPED, SKIPPED]);
    expect(await stepsOf(id)).toEqual(['admitSync', 'recordOutcome']);
  });

  test('do not wait any more once they are cancelled, and a next attempt begins afresh', async () => {
    const id = await client.createNamespace();
    const run = new ActivityRun(pool, inputOf(id, 3, 1));
    const alone = run.together(SECOND);
    alone.cancel();
    await expect(alone.result).rejects.toThrow();
    expect(await stepsOf(id)).toEqual([]);
    await allOf(run);
    expect(await stepsOf(id)).toEqual(['admitSync', ...STEPS, 'recordOutcome']);
  });
});

test('a run that is cancelled takes back also what a worker that crashed has done without its knowing', async () => {
  const id = await client.createNamespace();
  const before = await client.snapshot(id);
  await client.fault(id, 'gitlab_subscriptions', '57P03');
  const answer = client.provision(id, fullSync(3), 1);
  await temporal.pendingActivity(id, FIRST);
  const { runId, input } = await openRun(id);
  await new ActivityRun(pool, input, runId).step(SECOND);
  expect((await client.snapshot(id))['namespace_limits']).toHaveLength(1);
  await temporal.handle(id).cancel();
  expect((await answer).status).toBe(503);
  await temporal.ended(id);
  expect(await client.snapshot(id)).toEqual(before);
  await client.heal(id);
});

/** The run that a namespace has now, and what its activities are told. */
async function openRun(id: string) {
  const { runId } = await temporal.handle(id).describe();
  return { runId, input: { ...inputOf(id, 3, 1), chain_id: runId } };
}
