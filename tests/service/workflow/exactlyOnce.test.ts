import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Pool } from 'pg';
import type { AdmittedSync } from '../../../src/domain/sync';
import { sharedService } from '../../support/shared';
import { ActivityRun, inputOf, openPool } from './support/activityRun';

const client = sharedService();
let pool: Pool;
beforeAll(async () => {
  pool = openPool(client.service.databaseUrl);
});
afterAll(async () => {
  await pool.end();
});

const newRun = (input: AdmittedSync) => new ActivityRun(pool, input);

const STEPS = ['updateSubscription', 'updateNamespaceLimits', 'upsertAddOnPurchases'] as const;
const UNDOS = ['restoreSubscription', 'restoreNamespaceLimits', 'restoreAddOnPurchases'] as const;

describe('a step that is run again in the same run', () => {
  test.each(STEPS)('%s changes nothing and returns the first result', async (step) => {
    const id = await client.createNamespace();
    const run = newRun(inputOf(id, 3));
    await run.admit();
    const first = await run.step(step);
    const state = [await client.snapshot(id), await client.outbox(id), await client.ledger(id)];
    expect(await run.step(step)).toEqual(first);
    expect([await client.snapshot(id), await client.outbox(id), await client.ledger(id)]).toEqual(state);
  });

  test('takes effect once also when its attempts run at the same time', async () => {
    const id = await client.createNamespace();
    const run = newRun(inputOf(id, 3));
    await run.admit();
    await run.step('updateSubscription');
    const other = newRun(inputOf(id, 4));
    await Promise.all([other.admit(), other.admit(), other.admit()]);
    const results = await Promise.all([1, 2, 3, 4].map(() => other.step('updateSubscription')));
    for (const result of results) expect(result).toEqual(results[0]);
    const rows = await client.snapshot(id);
    expect(rows['gitlab_subscription_histories']).toHaveLength(1);
    const steps = (await client.ledger(id)).filter(({ run_id }) => run_id === other.runId);
    expect(steps.map(({ step }) => step)).toEqual(['admitSync', 'updateSubscription']);
  });

  test('recordOutcome releases and writes follow-up work once', async () => {
    const id = await client.createNamespace();
    const run = newRun(inputOf(id, 3));
    await run.admit();
    const success = { status: 'success' as const, message: null, payload: {} as never };
    await run.attempt('recordOutcome', run.admitted, success);
    const before = await client.outbox(id);
    await run.attempt('recordOutcome', run.admitted, success);
    expect(await client.outbox(id)).toEqual(before);
    expect(before.map(({ event }) => event)).toEqual(['enable_code_review_flow']);
  });
});

describe('a compensation', () => {
  test.each(STEPS.map((step, index) => [UNDOS[index] as (typeof UNDOS)[number], step] as const))(
    '%s puts back what %s found, and does so once',
    async (undo, step) => {
      const id = await client.createNamespace();
      const before = await client.snapshot(id);
      const run = newRun(inputOf(id, 3));
      await run.admit();
      await run.step(step);
      const first = await run.attempt(undo, run.admitted);
      expect(await client.snapshot(id)).toEqual(before);
      expect(await client.outbox(id)).toEqual([]);
      await client.rows('UPDATE namespaces SET shared_runners_minutes_limit = 77 WHERE id = $1', [id]);
      expect(await run.attempt(undo, run.admitted)).toEqual(first);
      expect((await client.snapshot(id))['namespaces']).toMatchObject([{ shared_runners_minutes_limit: 77 }]);
    },
  );

  test('that comes before its step keeps a late attempt of the step from taking effect', async () => {
    const id = await client.createNamespace();
    const before = await client.snapshot(id);
    const run = newRun(inputOf(id, 3));
    await run.admit();
    await run.attempt('restoreSubscription', run.admitted);
    await expect(run.step('updateSubscription')).rejects.toMatchObject({ type: 'Superseded' });
    expect(await client.snapshot(id)).toEqual(before);
  });

  test('keeps a row that another writer changed since, and says so', async () => {
    const id = await client.createNamespace();
    const run = newRun(inputOf(id, 3));
    await run.admit();
    await run.step('updateNamespaceLimits');
    await client.rows(
      'UPDATE namespace_limits SET additional_purchased_storage_size = 1 WHERE namespace_id = $1',
      [id],
    );
    expect(await run.attempt('restoreNamespaceLimits', run.admitted)).toMatchObject({
      entries: {
        storage: { status: 'error', message: 'Not rolled back: changed since by another writer' },
        compute_minutes: { status: 'rolled_back' },
      },
    });
    const rows = await client.snapshot(id);
    expect(rows['namespace_limits']).toMatchObject([{ additional_purchased_storage_size: '1' }]);
    expect(rows['namespaces']).toMatchObject([{ extra_shared_runners_minutes_limit: null }]);
  });
});

describe('a run that was overtaken', () => {
  test('writes nothing once a newer sync was admitted', async () => {
    const id = await client.createNamespace();
    const older = newRun(inputOf(id, 3, 1));
    const newer = newRun(inputOf(id, 4, 2));
    await older.admit();
    await newer.admit();
    const before = await client.snapshot(id);
    await expect(older.step('updateSubscription')).rejects.toMatchObject({
      type: 'Superseded',
      details: [2],
      nonRetryable: true,
    });
    expect(await client.snapshot(id)).toEqual(before);
    expect(await older.admit()).toMatchObject({ outcome: 'admitted' }); // as it was recorded
    expect(await newRun(inputOf(id, 3, 1)).admit()).toMatchObject({ outcome: 'superseded', by: 2 });
  });

  test('writes nothing once another run without an id was admitted', async () => {
    const id = await client.createNamespace();
    const first = newRun(inputOf(id, 3));
    const second = newRun(inputOf(id, 4));
    await first.admit();
    await second.admit();
    await expect(first.step('updateSubscription')).rejects.toMatchObject({
      type: 'Superseded',
    });
  });
});

describe('the first step with the admission, the last with the outcome', () => {
  const SUCCESS = { base_product: { status: 'success' }, storage: { status: 'success' } } as const;
  const ASKED = { compute_minutes: { status: 'success' }, add_on_purchases: { status: 'skipped' } } as const;

  test('take effect once, however often and at the same time they are run', async () => {
    const id = await client.createNamespace();
    const run = newRun(inputOf(id, 3, 1));
    const opened = await Promise.all([1, 2, 3].map(() => run.open('updateSubscription')));
    for (const result of opened) expect(result).toEqual(opened[0]);
    expect(opened[0]).toMatchObject({ admission: { outcome: 'admitted' } });
    await run.step('updateNamespaceLimits');
    const closed = await Promise.all(
      [1, 2, 3].map(() => run.close('upsertAddOnPurchases', { ...SUCCESS, ...ASKED })),
    );
    for (const result of closed) expect(result).toEqual(closed[0]);
    expect(closed[0]).toMatchObject({ answer: { status: 'success' } });
    expect(run.answers).toEqual(closed.map(({ answer }) => answer));
    const steps = (await client.ledger(id)).map(({ step }) => step);
    expect(steps).toEqual(['admitSync', ...STEPS, 'recordOutcome']);
    const events = (await client.outbox(id)).map(({ event }) => event);
    expect(new Set(events).size).toBe(events.length);
    expect((await client.outbox(id)).every(({ released_at }) => released_at !== null)).toBe(true);
  });

  test('a refused admission records the answer with it and writes nothing', async () => {
    const id = await client.createNamespace();
    const before = await client.snapshot(id);
    const input = inputOf(id, -1);
    const run = newRun(input);
    const first = await run.open('updateSubscription');
    expect(first).toMatchObject({ admission: { outcome: 'refused' }, answer: { status: 'error' } });
    expect(await run.open('updateSubscription')).toEqual(first);
    expect(await client.snapshot(id)).toEqual(before);
    expect((await client.ledger(id)).map(({ step }) => step)).toEqual(['admitSync', 'recordOutcome']);
  });

  test('a step that the database refuses leaves no admission: the run asks for it by itself', async () => {
    const id = await client.createNamespace();
    await client.fault(id, 'gitlab_subscriptions', '23514');
    const run = newRun(inputOf(id, 3));
    await expect(run.open('updateSubscription')).rejects.toMatchObject({ type: 'ValidationError' });
    expect(await client.ledger(id)).toEqual([]);
    expect(await run.admit()).toMatchObject({ outcome: 'admitted' });
    await client.heal(id);
  });

  test('what has its outcome is not undone, and keeps that outcome', async () => {
    const id = await client.createNamespace();
    const run = newRun(inputOf(id, 3));
    await run.open('updateSubscription');
    await run.step('updateNamespaceLimits');
    const { answer } = await run.close('upsertAddOnPurchases', { ...SUCCESS, ...ASKED });
    const after = await client.snapshot(id);
    expect(await run.attempt('restoreAddOnPurchases', run.admitted)).toEqual({
      kind: 'too_late',
      recorded: answer,
    });
    const cancelled = { status: 'cancelled' as const, message: 'Cancelled' };
    expect(await run.attempt('recordOutcome', run.admitted, cancelled)).toEqual(answer);
    expect(await client.snapshot(id)).toEqual(after);
  });

  test('a first step that was undone before it came cannot take effect, nor admit the sync', async () => {
    const id = await client.createNamespace();
    const before = await client.snapshot(id);
    const run = newRun(inputOf(id, 3, 7));
    await run.attempt('restoreSubscription', run.admitted);
    await expect(run.open('updateSubscription')).rejects.toMatchObject({ type: 'Superseded' });
    expect(await client.snapshot(id)).toEqual(before);
    expect(
      await client.rows('SELECT sync_id FROM provisioning.fences WHERE namespace_id = $1', [id]),
    ).toEqual([{ sync_id: null }]);
  });

  test('of an overtaken run writes nothing and answers so', async () => {
    const id = await client.createNamespace();
    await newRun(inputOf(id, 4, 2)).open('updateSubscription');
    const before = await client.snapshot(id);
    const older = newRun(inputOf(id, 3, 1));
    expect(await older.open('updateSubscription')).toMatchObject({
      admission: { outcome: 'superseded', by: 2 },
      answer: { status: 'skipped', message: 'Superseded by sync 2' },
    });
    expect(await client.snapshot(id)).toEqual(before);
  });
});
