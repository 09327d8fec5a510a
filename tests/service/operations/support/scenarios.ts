import { expect } from '@jest/globals';
import type { ServiceClient } from '../../../support/client';
import { eventually } from '../../../support/eventually';
import { fullSync } from '../../../support/syncs';
import type { TemporalProbe } from '../../../support/temporal';
import type { Operator, Printed } from './operator';

/** What a scenario works with. */
export interface Bench {
  client: ServiceClient;
  temporal: TemporalProbe;
  operator: Operator;
  /** Runs the command that the document gives for a task, about this namespace. @param values for its other examples */
  perform(task: string, namespaceId: string, values?: Record<string, string>): Promise<Printed>;
}

const RUN_ID = 'x-provision-run-id';
const STEP = 'updateSubscription';

/** For each task of docs/manual-retries.md: the state it is for, the documented command, and what must come of it. */
export const SCENARIOS: Record<string, (task: string, bench: Bench) => Promise<void>> = {
  'find the failed runs of a namespace': async (task, { client, perform }) => {
    const [id, other] = [await client.createNamespace(), await client.createNamespace()];
    for (const namespace of [id, other]) await client.provision(namespace, REFUSED, 1);
    await eventually(async () => {
      const { text } = await perform(task, id);
      expect(text).not.toContain(`provision:${other}`);
      return text.includes(`provision:${id}`);
    }, 'the failed run is listed');
  },

  'see which section failed, and why': async (task, { client, temporal, perform }) => {
    const id = await client.createNamespace();
    await client.provision(id, REFUSED, 1);
    await temporal.ended(id);
    const { text } = await perform(task, id);
    expect(text).toContain('SyncRefused');
    expect(text).toContain('Gitlab subscription seats must be greater than or equal to 0');
    expect(text).toContain('base_product');
  },

  'see which step is retrying, and why': async (task, bench) => {
    const { id, answer } = await stuck(bench);
    await eventually(async () => {
      const { text } = await bench.perform(task, id);
      return text.includes(STEP) && text.includes('PostgreSQL cannot do this now (40001)');
    }, 'the step and the reason are shown');
    await bench.client.heal(id);
    expect((await answer).status).toBe(200);
  },

  'run a finished sync again': async (task, { client, temporal, perform }) => {
    const id = await client.createNamespace();
    await client.provision(id, fullSync(5), 1);
    await temporal.ended(id);
    await client.rows('UPDATE gitlab_subscriptions SET seats = 99 WHERE namespace_id = $1', [id]);
    expect(await perform(task, id)).toMatchObject({ code: 0 });
    await eventually(async () => (await seats(client, id)) === 5, 'the sync was applied again');
  },

  'run an older sync again': async (task, { client, temporal, perform }) => {
    const id = await client.createNamespace();
    const older = await client.provision(id, fullSync(5), 1);
    const newer = await client.provision(id, fullSync(6), 2);
    expect(await perform(task, id, { RUN_ID: older.headers.get(RUN_ID) ?? '' })).toMatchObject({ code: 0 });
    await eventually(
      async () => (await temporal.handle(id).describe()).runId !== newer.headers.get(RUN_ID),
      'a new run',
    );
    expect(await temporal.handle(id).result()).toMatchObject({
      status: 'skipped',
      message: 'Superseded by sync 2',
    });
    expect(await seats(client, id)).toBe(6);
  },

  'retry a step now': async (task, bench) => {
    const { id, answer } = await stuck(bench);
    const { operator, client } = bench;
    await operator.run(
      `temporal activity update-options -w provision:${id} -a ${STEP} --retry-initial-interval 30m --retry-maximum-interval 30m`,
    );
    await eventually(async () => {
      const next = (await pending(bench, id))?.nextAttemptScheduleTime?.seconds;
      return Number(next ?? 0) * 1000 > Date.now() + 20 * 60_000;
    }, 'the next try is far away');
    await client.heal(id);
    expect(await bench.perform(task, id)).toMatchObject({ code: 0 });
    expect((await answer).status).toBe(200);
  },

  'pause a step': async (task, bench) => {
    const { id, answer } = await stuck(bench);
    expect(await bench.perform(task, id)).toMatchObject({ code: 0 });
    await eventually(async () => (await pending(bench, id))?.paused, 'the step is paused');
    await bench.temporal.handle(id).cancel();
    expect((await answer).status).toBe(503);
  },

  'let a paused step go on': async (task, bench) => {
    const { id, answer } = await stuck(bench);
    await bench.perform('pause a step', id);
    await eventually(async () => (await pending(bench, id))?.paused, 'the step is paused');
    await bench.client.heal(id);
    expect(await bench.perform(task, id)).toMatchObject({ code: 0 });
    expect((await answer).status).toBe(200);
  },

  "change a step's time-out and intervals": async (task, bench) => {
    const { id, answer } = await stuck(bench);
    expect(await bench.perform(task, id)).toMatchObject({ code: 0 });
    const options = (await pending(bench, id))?.activityOptions;
    expect(Number(options?.startToCloseTimeout?.seconds)).toBe(120);
    expect(Number(options?.retryPolicy?.maximumInterval?.seconds)).toBe(5);
    await bench.client.heal(id);
    expect((await answer).status).toBe(200);
  },

  'cancel a stuck sync': async (task, bench) => {
    const { client, temporal } = bench;
    const id = await client.createNamespace();
    const before = await client.snapshot(id);
    await client.fault(id, 'subscription_add_on_purchases', '40001');
    const answer = client.provision(id, fullSync(2), 1);
    await temporal.pendingActivity(id, 'upsertAddOnPurchases');
    expect(await client.snapshot(id)).not.toEqual(before);
    expect(await bench.perform(task, id)).toMatchObject({ code: 0 });
    expect((await answer).status).toBe(503);
    expect(await client.snapshot(id)).toEqual(before);
    expect(await client.outbox(id)).toEqual([]);
    expect((await temporal.handle(id).describe()).status.name).toBe('CANCELLED');
    await found(
      temporal,
      `GitlabNamespaceId = ${id} AND ProvisionOutcome = "cancelled" AND Compensated = true`,
    );
    await client.heal(id);
    expect((await client.provision(id, fullSync(2), 1)).status).toBe(200);
  },

  'start a sync by hand': async (task, { client, temporal, operator, perform }) => {
    const id = await client.createNamespace();
    await operator.write('sync.json', {
      namespace_id: Number(id),
      sync_id: 4,
      provision: { base_product: { seats: '7' } },
    });
    expect(await perform(task, id)).toMatchObject({ code: 0 });
    expect(await temporal.handle(id).result()).toMatchObject({ status: 'success' });
    expect(await seats(client, id)).toBe(7);
    await found(
      temporal,
      `GitlabNamespaceId = ${id} AND SyncId = 4 AND ExecutionStatus = "Completed" AND ProvisionOutcome IS NULL`,
    );
  },

  'start a sync by hand and wait for its result': async (task, { client, operator, perform }) => {
    const id = await client.createNamespace();
    const sync = { namespace_id: Number(id), sync_id: 4, provision: { base_product: { seats: 'x' } } };
    await operator.write('sync.json', sync);
    expect((await perform(task, id)).text).toContain('provision[base_product][seats] is invalid');
    expect(await client.ledger(id)).toEqual([]);
    await operator.write('sync.json', { ...sync, provision: { base_product: { seats: 8 } } });
    expect((await perform(task, id)).text).toContain('"status":"success"');
    expect(await seats(client, id)).toBe(8);
  },

  'find namespaces that failed twice in a window': async (task, bench) => {
    const from = now();
    const [once, twice] = [await bench.client.createNamespace(), await bench.client.createNamespace()];
    for (const id of [once, twice, twice]) await bench.client.provision(id, REFUSED, 1);
    await eventually(async () => {
      const { text } = await bench.perform(task, once, window(from));
      expect(text).not.toContain(`provision:${once}`);
      return text.includes(`provision:${twice}`);
    }, 'the one that failed twice is listed');
  },

  'run all again that failed in a window': async (task, bench) => {
    const { client, temporal } = bench;
    const before = await client.createNamespace();
    await client.fault(before, 'namespace_limits', 'P0001');
    await client.provision(before, fullSync(3), 1);
    const from = now();
    const failed = [await client.createNamespace(), await client.createNamespace()];
    for (const id of failed) {
      await client.fault(id, 'namespace_limits', 'P0001');
      expect((await client.provision(id, fullSync(3), 1)).status).toBe(422);
    }
    await found(temporal, `ExecutionStatus = "Failed" AND GitlabNamespaceId IN (${failed.join(', ')})`, 2);
    for (const id of [before, ...failed]) await client.heal(id);
    expect(await bench.perform(task, before, window(from))).toMatchObject({ code: 0 });
    for (const id of failed) {
      await eventually(async () => (await seats(client, id)) === 3, `the sync of ${id} was applied`);
    }
    expect(await seats(client, before)).toBeUndefined();
  },
};

const REFUSED = { base_product: { plan_code: 'premium', seats: -1 } };

/** A sync whose first step is retrying, until the namespace is healed. */
async function stuck({ client, temporal }: Bench) {
  const id = await client.createNamespace();
  await client.fault(id, 'gitlab_subscriptions', '40001');
  const answer = client.provision(id, fullSync(2), 1);
  await temporal.pendingActivity(id, STEP);
  return { id, answer };
}

/** Waits until a search finds so many runs: visibility follows a run with some delay. */
async function found({ client }: TemporalProbe, query: string, count = 1): Promise<void> {
  await eventually(async () => (await client.workflow.count(query)).count === count, query);
}

async function pending({ temporal }: Bench, id: string) {
  const { raw } = await temporal.handle(id).describe();
  return raw.pendingActivities?.find(({ activityId }) => activityId === STEP);
}

async function seats(client: ServiceClient, id: string): Promise<unknown> {
  return (await client.snapshot(id))['gitlab_subscriptions']?.[0]?.['seats'];
}

const now = () => new Date().toISOString();
const window = (from: string) => ({
  '2026-11-22T10:00:00Z': from,
  '2026-11-22T11:00:00Z': new Date(Date.now() + 3_600_000).toISOString(),
});
