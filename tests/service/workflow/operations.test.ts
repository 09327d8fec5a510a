import { describe, expect, test } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import { sharedService, sharedTemporal } from '../../support/shared';
import { eventually } from '../../support/eventually';
import { fullSync } from '../../support/syncs';

const client = sharedService();
const temporal = sharedTemporal();

const startByHand = (workflowId: string, input: unknown) =>
  temporal.client.workflow.start('provisionNamespace', {
    taskQueue: 'provisioning',
    workflowId,
    args: [input],
  });

const failureOf = async (result: Promise<unknown>) =>
  ((await result.catch((error: unknown) => error)) as WorkflowFailedError).cause;

describe('a person starts a sync by hand', () => {
  test.each([
    ['no input', undefined, 'namespace_id is missing'],
    [
      'another namespace than its id says',
      { namespace_id: 1, provision: {} },
      'the workflow id must be provision:1',
    ],
    ['no provision', 'id', 'provision is missing'],
    [
      'wrong parameters',
      { provision: { base_product: { seats: 'x' } } },
      'provision[base_product][seats] is invalid',
    ],
    [
      'a value that has no text',
      { provision: { base_product: { seats: { toString: 1 } } } },
      'provision[base_product][seats] is invalid',
    ],
    ['a wrong sync id', { provision: {}, sync_id: '5' }, 'sync_id is invalid'],
  ])('%s fails the run with the words of the endpoint instead of looping', async (_name, input, message) => {
    const id = await client.createNamespace();
    const request = input === 'id' ? { namespace_id: id } : withDefaultId(input, id);
    const handle = await startByHand(`provision:${id}`, request);
    const failure = await failureOf(handle.result());
    expect(failure).toMatchObject({ type: 'InvalidRequest', message: expect.stringContaining(message) });
    expect(await client.ledger(id)).toEqual([]);
  });

  test('an unknown namespace fails the run like a 404', async () => {
    const handle = await startByHand('provision:987654321', { namespace_id: 987654321, provision: {} });
    expect(await failureOf(handle.result())).toMatchObject({ message: '404 Namespace Not Found' });
  });

  test('a sub-group fails the run like a 400', async () => {
    const parent_id = await client.createNamespace();
    const id = await client.createNamespace({ parent_id });
    const handle = await startByHand(`provision:${id}`, { namespace_id: id, provision: {} });
    expect(await failureOf(handle.result())).toMatchObject({
      message: '400 Bad request - Must be root namespace',
    });
  });
});

describe('a stuck sync', () => {
  test('is visible as a pending activity with the name of its step', async () => {
    const id = await client.createNamespace();
    await client.fault(id, 'namespace_limits', '55P03');
    const answer = client.provision(id, fullSync(2), 1);
    await temporal.pendingActivity(id, 'updateNamespaceLimits');
    await client.heal(id);
    expect((await answer).status).toBe(200);
  });

  test('that is terminated leaves its steps; the next sync converges', async () => {
    const id = await client.createNamespace();
    await client.fault(id, 'subscription_add_on_purchases', '40001');
    const answer = client.provision(id, fullSync(2), 1);
    await temporal.pendingActivity(id, 'upsertAddOnPurchases');
    await temporal.handle(id).terminate('test');
    expect((await answer).status).toBe(503);
    await client.heal(id);
    const unfinished = (await answer).headers.get('x-provision-run-id');
    const next = await client.provision(id, fullSync(3), 2);
    expect(next.status).toBe(200);
    const admission = (await client.ledger(id)).find(
      ({ step, run_id }) => step === 'admitSync' && run_id === next.headers.get('x-provision-run-id'),
    );
    expect(admission?.result).toMatchObject({ unfinishedRun: unfinished });
    const metrics = await client.request('GET', '/-/metrics');
    expect(metrics.text).toMatch(/^provisioner_unfinished_runs_total [1-9]/m);
    const rows = await client.snapshot(id);
    expect(rows['gitlab_subscriptions']).toMatchObject([{ seats: 3 }]);
    expect(rows['subscription_add_on_purchases']).toMatchObject([{ quantity: 3 }]);
  });

  test('retries on its own once the trouble is over, and each step took effect once', async () => {
    const id = await client.createNamespace();
    await client.fault(id, 'gitlab_subscriptions', '57P03');
    const answer = client.provision(id, fullSync(2), 1);
    await temporal.pendingActivity(id, 'updateSubscription');
    await client.heal(id);
    expect((await answer).status).toBe(200);
    const steps = (await client.ledger(id)).map(({ step }) => step);
    expect(steps).toEqual([
      'admitSync',
      'updateSubscription',
      'updateNamespaceLimits',
      'upsertAddOnPurchases',
      'recordOutcome',
    ]);
  });
});

describe('a bug', () => {
  test('is tried a few times, then everything is undone and the caller gets 500 without details', async () => {
    const id = await client.createNamespace();
    const before = await client.snapshot(id);
    await client.fault(id, 'namespace_limits', 'XX000');
    const answer = await client.provision(id, fullSync(2), 1);
    expect(answer.status).toBe(500);
    expect(answer.text).toBe('{"message":"500 Internal Server Error"}');
    expect(await client.snapshot(id)).toEqual(before);
    expect(await client.outbox(id)).toEqual([]);
    expect((await temporal.handle(id).describe()).status.name).toBe('FAILED');
  });
});

describe('a run reads like a record', () => {
  test('its list entry names namespace, sync and plan; a refused one has failed with the messages', async () => {
    const id = await client.createNamespace();
    await client.provision(id, { base_product: { plan_code: 'premium', seats: -1 } }, 6);
    await temporal.ended(id);
    const description = await temporal.handle(id).describe();
    expect(await description.staticSummary()).toBe(`namespace ${id} · sync 6 · plan premium`);
    expect(description.status.name).toBe('FAILED');
    expect(await failureOf(temporal.handle(id).result())).toMatchObject({
      type: 'SyncRefused',
      message: 'Gitlab subscription seats must be greater than or equal to 0',
    });
    await found(
      `GitlabNamespaceId = ${id} AND SyncId = 6 AND ProvisionOutcome = "error" AND RefusedSections = "base_product"`,
    );
  });

  test('each step shows what it changed, before and after', async () => {
    const id = await client.createNamespace();
    await client.provision(id, { base_product: { seats: 4 } }, 1);
    await client.provision(id, { base_product: { seats: 5 } }, 2);
    const events = await temporal.events(id);
    const results = events.flatMap(({ markerRecordedEventAttributes: marker }) =>
      (marker?.details?.['result']?.payloads ?? []).map(
        ({ data }) => JSON.parse(Buffer.from(data ?? []).toString() || '{}') as { changes?: unknown[] },
      ),
    );
    expect(results.flatMap(({ changes }) => changes ?? [])).toContainEqual(
      expect.objectContaining({
        section: 'base_product',
        table: 'gitlab_subscriptions',
        before: expect.objectContaining({ seats: 4 }),
        after: expect.objectContaining({ seats: 5 }),
      }),
    );
  });

  test('its details hold the outcome and each column before and after; what a caller sent stays text', async () => {
    const id = await client.createNamespace();
    await client.provision(id, { base_product: { seats: 4 } }, 1);
    const addOn = {
      quantity: 2,
      started_on: '2026-01-01',
      expires_on: '2027-01-01',
      purchase_xid: '[a](b)|<i>',
    };
    await client.provision(id, { base_product: { seats: 5 }, add_on_purchases: { duo_pro: [addOn] } }, 2);
    await temporal.ended(id);
    const { currentDetails } = await temporal
      .handle(id)
      .query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(currentDetails).toContain('**success**');
    expect(currentDetails).toMatch(/\*\*gitlab\\_subscriptions \d+\*\*: seats 4 → \*\*5\*\*/);
    expect(currentDetails).toMatch(/\(new\): .*purchase\\_xid \\\[a\\\]\\\(b\\\)\\\|\\<i\\>/);
  });

  test('a refused one tells no place in the code', async () => {
    const id = await client.createNamespace();
    await client.provision(id, { base_product: { seats: -1 } }, 1);
    const text = JSON.stringify(await temporal.events(id));
    expect(text).toContain('SyncRefused');
    expect(text).not.toMatch(/src\/workflows|dist\//);
  });

  test('a sync that goes well takes one workflow task', async () => {
    const id = await client.createNamespace();
    await client.provision(id, fullSync(2), 1);
    const events = await temporal.events(id);
    expect(events.filter((event) => event.workflowTaskCompletedEventAttributes)).toHaveLength(1);
  });
});

/** Waits until a search finds exactly one run: visibility follows a run with some delay. */
async function found(query: string): Promise<void> {
  await eventually(async () => (await temporal.client.workflow.count(query)).count === 1, query);
}

function withDefaultId(input: unknown, id: string): unknown {
  if (typeof input !== 'object' || input === null) return input;
  return { namespace_id: id, ...input };
}
