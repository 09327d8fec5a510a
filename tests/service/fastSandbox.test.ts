import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { installFaults } from '../support/faults';
import { fullSync } from '../support/syncs';
import { TemporalProbe } from '../support/temporal';
import { startOwnService, type OwnService } from './sections/support/ownService';

const PRELOAD = path.join(__dirname, '../../dist/worker/fastSandbox.js');

let service: OwnService;
let temporal: TemporalProbe;
beforeAll(async () => {
  const options = { NODE_OPTIONS: `--require=${PRELOAD}` };
  service = await startOwnService('fast_sandbox', 'compensate', undefined, options);
  await installFaults(service.client.service.databaseUrl);
  temporal = TemporalProbe.in(service.client.service.temporalNamespace);
});
afterAll(async () => {
  await temporal?.close();
  await service?.stop();
});

test('with the preload syncs are applied, refused and undone as without it', async () => {
  const { client } = service;
  const id = await client.createNamespace();
  expect(await client.provision(id, fullSync(3), 1)).toMatchObject({ status: 200 });
  expect(await client.provision(id, fullSync(-1), 2)).toMatchObject({ status: 422 });
  const before = await client.snapshot(id);
  await client.fault(id, 'subscription_add_on_purchases', '23514');
  expect(await client.provision(id, fullSync(4), 3)).toMatchObject({
    status: 422,
    body: { payload: { base_product: { status: 'rolled_back' } } },
  });
  expect(await client.snapshot(id)).toEqual(before);
});

test('the preload is in effect where workflows run: a run has no stack trace to tell', async () => {
  const { client } = service;
  const id = await client.createNamespace();
  await client.fault(id, 'gitlab_subscriptions', '40001');
  const answer = client.provision(id, fullSync(3), 1);
  await temporal.pendingActivity(id, 'updateSubscription');
  expect(await temporal.handle(id).query('__stack_trace')).toBe('');
  await client.heal(id);
  expect((await answer).status).toBe(200);
});
