import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fullSync } from '../../support/syncs';
import { sharedTemporal } from '../../support/shared';
import { startApi, type Api } from './support/countedApi';

const WAIT_MS = 3_000;

let api: Api;
const temporal = sharedTemporal();
beforeAll(async () => {
  api = await startApi('paused_run', WAIT_MS);
});
afterAll(() => api?.stop());

test('a run that is paused is waited for like a running one: neither taken for ended nor asked about again and again', async () => {
  const { client, rpcs } = api;
  const { workflowService, options } = temporal.client;
  const id = await client.createNamespace();
  await client.fault(id, 'namespace_limits', '40001');
  const first = client.provision(id, fullSync(3), 1);
  await temporal.pendingActivity(id, 'updateNamespaceLimits');
  const run = { namespace: options.namespace, workflowId: `provision:${id}` };
  const pause = { ...run, identity: 'test', reason: 'test', requestId: `pause ${id}` };
  const isPaused = await workflowService.pauseWorkflowExecution(pause).then(
    () => true,
    (error: Error) => {
      // Only a server of somebody else's may have it switched off.
      if (!process.env['TEMPORAL_ADDRESS']) throw error;
      console.warn(`skipped: this server pauses no runs (${error.message})`);
      return false;
    },
  );
  if (isPaused) {
    expect((await temporal.handle(id).describe()).status.name).toBe('PAUSED');
    expect((await first).status).toBe(503);
    const before = rpcs.calls;
    const [same, other] = await Promise.all([
      client.provision(id, fullSync(3), 1),
      client.provision(id, fullSync(4), 1),
    ]);
    expect([same.status, other.status]).toEqual([503, 503]);
    expect(same.headers.get('x-provision-run-id')).toBe((await first).headers.get('x-provision-run-id'));
    expect(other.headers.get('x-provision-run-id')).toBeNull();
    // Each starts, describes, and then asks once a second for the end.
    expect(rpcs.calls - before).toBeLessThanOrEqual(14);
    await workflowService.unpauseWorkflowExecution({ ...pause, requestId: `unpause ${id}` });
  }
  await client.heal(id);
  expect((await client.provision(id, fullSync(4), 1)).status).toBe(200);
});
