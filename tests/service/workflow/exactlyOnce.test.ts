import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { createActivities, type Activities } from '../../../src/activities';
import { createPool } from '../../../src/db/pool';
import { createMetrics } from '../../../src/metrics/metrics';
import type { FailurePolicy, StepInput } from '../../../src/domain/sync';
import { ServiceClient } from '../../support/client';
import { fullSync } from '../../support/syncs';

let client: ServiceClient;
let pool: ReturnType<typeof createPool>;
beforeAll(async () => {
  client = await ServiceClient.of('compensate');
  pool = createPool({
    url: client.service.databaseUrl,
    applicationName: 'test',
    max: 8,
    onError: () => undefined,
  });
});
afterAll(async () => {
  await pool.end();
  await client.close();
});

/** Runs activities against the real database as attempts of one run: what a crashed worker makes Temporal do. */
class Run {
  readonly runId = randomUUID();
  private readonly activities: Activities;
  constructor(
    readonly input: StepInput,
    policy: FailurePolicy = 'compensate',
  ) {
    this.activities = createActivities({
      pool,
      policy,
      searchable: false,
      billableMembers: (row) => row.seats_in_use,
      log: pino({ level: 'silent' }),
      metrics: createMetrics(),
    });
  }

  attempt<Name extends keyof Activities>(name: Name, ...args: Parameters<Activities[Name]>) {
    const environment = new MockActivityEnvironment({
      workflowExecution: { workflowId: `provision:${this.input.namespace_id}`, runId: this.runId },
    });
    return environment.run(this.activities[name] as (...given: unknown[]) => Promise<unknown>, ...args);
  }

  admit() {
    return this.attempt('admitSync', this.input, this.input.chain_id);
  }
}

function inputOf(namespace_id: string, seats: number, sync_id: number | null = null): StepInput {
  return {
    namespace_id,
    sync_id,
    provision: fullSync(seats),
    correlation_id: null,
    chain_id: randomUUID(),
    policy: 'compensate',
  };
}

const STEPS = ['updateSubscription', 'updateNamespaceLimits', 'upsertAddOnPurchases'] as const;
const UNDOS = ['restoreSubscription', 'restoreNamespaceLimits', 'restoreAddOnPurchases'] as const;

describe('a step that is run again in the same run', () => {
  test.each(STEPS)('%s changes nothing and returns the first result', async (step) => {
    const id = await client.createNamespace();
    const run = new Run(inputOf(id, 3));
    await run.admit();
    const first = await run.attempt(step, run.input);
    const state = [await client.snapshot(id), await client.outbox(id), await client.ledger(id)];
    expect(await run.attempt(step, run.input)).toEqual(first);
    expect([await client.snapshot(id), await client.outbox(id), await client.ledger(id)]).toEqual(state);
  });

  test('takes effect once also when its attempts run at the same time', async () => {
    const id = await client.createNamespace();
    const run = new Run(inputOf(id, 3));
    await run.admit();
    await run.attempt('updateSubscription', run.input);
    const other = new Run(inputOf(id, 4));
    await Promise.all([other.admit(), other.admit(), other.admit()]);
    const results = await Promise.all(
      [1, 2, 3, 4].map(() => other.attempt('updateSubscription', other.input)),
    );
    for (const result of results) expect(result).toEqual(results[0]);
    const rows = await client.snapshot(id);
    expect(rows['gitlab_subscription_histories']).toHaveLength(1);
    const steps = (await client.ledger(id)).filter(({ run_id }) => run_id === other.runId);
    expect(steps.map(({ step }) => step)).toEqual(['admitSync', 'updateSubscription']);
  });

  test('recordOutcome releases and writes follow-up work once', async () => {
    const id = await client.createNamespace();
    const run = new Run(inputOf(id, 3));
    await run.admit();
    const success = { status: 'success' as const, message: null, payload: {} as never };
    await run.attempt('recordOutcome', run.input, success);
    const before = await client.outbox(id);
    await run.attempt('recordOutcome', run.input, success);
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
      const run = new Run(inputOf(id, 3));
      await run.admit();
      await run.attempt(step, run.input);
      const first = await run.attempt(undo, run.input);
      expect(await client.snapshot(id)).toEqual(before);
      expect(await client.outbox(id)).toEqual([]);
      await client.rows('UPDATE namespaces SET shared_runners_minutes_limit = 77 WHERE id = $1', [id]);
      expect(await run.attempt(undo, run.input)).toEqual(first);
      expect((await client.snapshot(id))['namespaces']).toMatchObject([{ shared_runners_minutes_limit: 77 }]);
    },
  );

  test('that comes before its step keeps a late attempt of the step from taking effect', async () => {
    const id = await client.createNamespace();
    const before = await client.snapshot(id);
    const run = new Run(inputOf(id, 3));
    await run.admit();
    await run.attempt('restoreSubscription', run.input);
    await expect(run.attempt('updateSubscription', run.input)).rejects.toMatchObject({ type: 'Superseded' });
    expect(await client.snapshot(id)).toEqual(before);
  });

  test('keeps a row that another writer changed since, and says so', async () => {
    const id = await client.createNamespace();
    const run = new Run(inputOf(id, 3));
    await run.admit();
    await run.attempt('updateNamespaceLimits', run.input);
    await client.rows(
      'UPDATE namespace_limits SET additional_purchased_storage_size = 1 WHERE namespace_id = $1',
      [id],
    );
    expect(await run.attempt('restoreNamespaceLimits', run.input)).toMatchObject({
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
    const older = new Run(inputOf(id, 3, 1));
    const newer = new Run(inputOf(id, 4, 2));
    await older.admit();
    await newer.admit();
    const before = await client.snapshot(id);
    await expect(older.attempt('updateSubscription', older.input)).rejects.toMatchObject({
      type: 'Superseded',
      details: [2],
      nonRetryable: true,
    });
    expect(await client.snapshot(id)).toEqual(before);
    expect(await older.admit()).toMatchObject({ outcome: 'admitted' }); // as it was recorded
    expect(await new Run(inputOf(id, 3, 1)).admit()).toMatchObject({ outcome: 'superseded', by: 2 });
  });

  test('writes nothing once another run without an id was admitted', async () => {
    const id = await client.createNamespace();
    const first = new Run(inputOf(id, 3));
    const second = new Run(inputOf(id, 4));
    await first.admit();
    await second.admit();
    await expect(first.attempt('updateSubscription', first.input)).rejects.toMatchObject({
      type: 'Superseded',
    });
  });
});
