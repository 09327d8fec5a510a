import { describe, expect, test } from '@jest/globals';
import { sharedService, sharedTemporal } from '../../support/shared';
import { eventually } from '../../support/eventually';
import { fullSync } from '../../support/syncs';
import { recordOutcomeOf } from './support/outcome';
import { resetRun } from './support/reset';

const client = sharedService();
const temporal = sharedTemporal();

const RUN_ID = 'x-provision-run-id';
const NOTHING = { base_product: null, storage: null, compute_minutes: null, add_on_purchases: null };

async function seatsOf(namespaceId: string): Promise<unknown> {
  const [row] = await client.rows('SELECT seats FROM gitlab_subscriptions WHERE namespace_id = $1', [
    namespaceId,
  ]);
  return row?.['seats'];
}

describe('one sync of a namespace runs at a time', () => {
  test('the same request joins the run that is going, however it is spelled', async () => {
    const id = await client.createNamespace();
    await client.fault(id, 'gitlab_subscriptions', '40001');
    const first = client.provision(id, { base_product: { seats: 3, plan_code: 'premium' } }, 5);
    await temporal.pendingActivity(id, 'updateSubscription');
    const again = client.provision(id, { base_product: { plan_code: 'premium', seats: '3' } }, 5);
    await client.heal(id);
    const answers = await Promise.all([first, again]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[0].headers.get(RUN_ID)).toBe(answers[1].headers.get(RUN_ID));
  });

  test('the same request does not join a run that has its outcome: it is applied again when that has ended', async () => {
    const id = await client.createNamespace();
    await client.fault(id, 'namespace_limits', '40001');
    const first = client.provision(id, fullSync(3), 1);
    const { attempt } = await temporal.pendingActivity(id, 'updateNamespaceLimits');
    // As it is between an early answer and the end of its run.
    await recordOutcomeOf(client, id);
    const again = client.provision(id, fullSync(3), 1);
    await eventually(
      async () => (await temporal.pendingActivity(id, 'updateNamespaceLimits')).attempt > attempt + 1,
      'time enough to join',
    );
    await client.heal(id);
    expect((await again).status).toBe(200);
    expect((await again).headers.get(RUN_ID)).not.toBe((await first).headers.get(RUN_ID));
    expect((await client.snapshot(id))['namespace_limits']).toHaveLength(1);
  });

  test('a different request waits for its turn and is then applied', async () => {
    const id = await client.createNamespace();
    await client.fault(id, 'gitlab_subscriptions', '40001');
    const first = client.provision(id, fullSync(3));
    await temporal.pendingActivity(id, 'updateSubscription');
    const second = client.provision(id, fullSync(4));
    await client.heal(id);
    const answers = await Promise.all([first, second]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[0].headers.get(RUN_ID)).not.toBe(answers[1].headers.get(RUN_ID));
    expect(await seatsOf(id)).toBe(4);
  });

  test('twenty different requests at once are applied one after the other, each whole', async () => {
    const id = await client.createNamespace();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => client.provision(id, fullSync(index + 1))),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const seats = Number(await seatsOf(id));
    const rows = await client.snapshot(id);
    expect(rows['namespaces']).toMatchObject([{ extra_shared_runners_minutes_limit: seats * 100 }]);
    expect(rows['namespace_limits']).toMatchObject([
      { additional_purchased_storage_size: String(seats * 1024) },
    ]);
    expect(rows['subscription_add_on_purchases']).toMatchObject([{ quantity: seats }]);
    expect(new Set(answers.map(({ headers }) => headers.get(RUN_ID))).size).toBe(20);
  });
});

describe('the newest sync wins', () => {
  test('an older sync is answered 409 and writes nothing', async () => {
    const id = await client.createNamespace();
    await client.provision(id, fullSync(9), 125);
    const before = [await client.snapshot(id), await client.ledger(id), await client.outbox(id)];
    const answer = await client.provision(id, fullSync(2), 124);
    expect(answer.status).toBe(409);
    expect(answer.body).toEqual({ status: 'skipped', message: 'Superseded by sync 125', payload: NOTHING });
    expect([await client.snapshot(id), await client.ledger(id), await client.outbox(id)]).toEqual(before);
  });

  test('a sync that was refused with 422 still is the newest', async () => {
    const id = await client.createNamespace();
    expect((await client.provision(id, { base_product: { seats: -1 } }, 8)).status).toBe(422);
    expect((await client.provision(id, fullSync(2), 7)).status).toBe(409);
  });

  test('the same sync id is applied again', async () => {
    const id = await client.createNamespace();
    await client.provision(id, fullSync(2), 7);
    await client.rows('UPDATE gitlab_subscriptions SET seats = 99 WHERE namespace_id = $1', [id]);
    expect((await client.provision(id, fullSync(2), 7)).status).toBe(200);
    expect(await seatsOf(id)).toBe(2);
  });

  test('a request without an id is applied in order of arrival and moves no fence', async () => {
    const id = await client.createNamespace();
    await client.provision(id, fullSync(2), 7);
    expect((await client.provision(id, fullSync(3))).status).toBe(200);
    expect(await seatsOf(id)).toBe(3);
    expect((await client.provision(id, fullSync(4), 7)).status).toBe(200);
  });

  test('an older sync that is stuck stops for a newer one, undoes what it did, and is answered 409', async () => {
    const id = await client.createNamespace();
    await client.provision(id, fullSync(1), 1);
    const before = await client.snapshot(id);
    await client.fault(id, 'subscription_add_on_purchases', '40001');
    const older = client.provision(id, fullSync(2), 2);
    await temporal.pendingActivity(id, 'upsertAddOnPurchases');
    expect(await seatsOf(id)).toBe(2);
    const newer = client.provision(id, { base_product: { auto_renew: true } }, 3);
    const [olderAnswer, newerAnswer] = await Promise.all([older, newer]);
    expect(olderAnswer.body).toEqual({
      status: 'skipped',
      message: 'Superseded by sync 3',
      payload: NOTHING,
    });
    expect(olderAnswer.status).toBe(409);
    expect(newerAnswer.status).toBe(200);
    const after = await client.snapshot(id);
    expect(after['subscription_add_on_purchases']).toEqual(before['subscription_add_on_purchases']);
    expect(after['namespace_limits']).toEqual(before['namespace_limits']);
    expect(after['gitlab_subscriptions']).toMatchObject([{ seats: 1, auto_renew: true }]);
  });

  test('a run of an older sync that is reset writes nothing', async () => {
    const id = await client.createNamespace();
    const older = await client.provision(id, fullSync(2), 2);
    await client.provision(id, fullSync(3), 3);
    const before = await client.snapshot(id);
    const runId = await resetRun(temporal, id, older.headers.get(RUN_ID) ?? '');
    expect(await temporal.handle(id, runId).result()).toMatchObject({ message: 'Superseded by sync 3' });
    expect(await client.snapshot(id)).toEqual(before);
  });

  test('a run of the newest sync that is reset is applied again and converges', async () => {
    const id = await client.createNamespace();
    const answer = await client.provision(id, fullSync(2), 2);
    await client.rows('UPDATE gitlab_subscriptions SET seats = 99 WHERE namespace_id = $1', [id]);
    const runId = await resetRun(temporal, id, answer.headers.get(RUN_ID) ?? '');
    expect(await temporal.handle(id, runId).result()).toMatchObject({ status: 'success' });
    expect(await seatsOf(id)).toBe(2);
  });
});
