import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually';
import { fullSync } from '../../support/syncs';
import { TemporalProbe } from '../../support/temporal';
import { Faults } from '../sections/support/faults';
import { startOwnService, type OwnService } from '../sections/support/ownService';

// Shorter than a second: whatever waits for a fixed time on the way to an answer would never be answered.
const WAIT_MS = 900;

let service: OwnService;
let faults: Faults;
let temporal: TemporalProbe;
beforeAll(async () => {
  service = await startOwnService('short_wait', 'compensate', undefined, {
    PROVISION_WAIT_MS: String(WAIT_MS),
  });
  faults = await Faults.install(service.client);
  temporal = TemporalProbe.in(service.client.service.temporalNamespace);
});
afterAll(async () => {
  await temporal?.close();
  await service?.stop();
});

/** Repeats a request until it is not 503: on a busy machine a single one may be. */
const answered = (id: string, provision: unknown, syncId?: number) =>
  eventually(async () => {
    const answer = await service.client.provision(id, provision, syncId);
    return answer.status !== 503 && answer;
  }, 'an answer within a short wait');

test('a sync without sections is answered when it is done', async () => {
  const id = await service.client.createNamespace();
  expect((await answered(id, {})).status).toBe(200);
});

test('a sync that was undone is answered when that is done', async () => {
  const id = await service.client.createNamespace();
  await faults.set(id, 'subscription_add_on_purchases', '23514');
  const answer = await answered(id, fullSync(3));
  expect(answer).toMatchObject({
    status: 422,
    body: { payload: { base_product: { status: 'rolled_back' }, add_on_purchases: { status: 'error' } } },
  });
});

test('an older sync that is stuck is asked to stop within the wait of the newer one', async () => {
  const { client } = service;
  const id = await client.createNamespace();
  await faults.set(id, 'subscription_add_on_purchases', '40001');
  const older = client.provision(id, fullSync(2), 1);
  await temporal.pendingActivity(id, 'upsertAddOnPurchases');
  const newer = await answered(id, { compute_minutes: { extra_shared_runners_minutes_limit: 7 } }, 2);
  expect(newer.status).toBe(200);
  expect([409, 503]).toContain((await older).status);
  expect((await client.provision(id, fullSync(2), 1)).status).toBe(409);
});
