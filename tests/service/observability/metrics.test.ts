import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { queries, recordedNames, selectors } from '../../support/deployFiles';
import { Exposition } from '../../support/exposition';
import type { ServiceClient } from '../../support/client';
import { queueState } from '../../../src/cdot/queue';
import { eventually } from '../../support/eventually';
import { fullSync } from '../../support/syncs';
import { TemporalProbe } from '../../support/temporal';
import { attrs, CustomersDot } from '../cdot/support/cdot';
import { Outbox } from '../relay/support/outbox';
import { Faults } from '../sections/support/faults';
import { startOwnService, type OwnService } from '../sections/support/ownService';

let service: OwnService;
let client: ServiceClient;
let faults: Faults;
let cdot: CustomersDot;
beforeAll(async () => {
  [service, cdot] = await Promise.all([startOwnService('metrics'), CustomersDot.create('cdot_metrics')]);
  client = service.client;
  faults = await Faults.install(client);
});
afterAll(async () => {
  await cdot.close();
  await service.stop();
});

const PROVISION = '/api/v4/internal/gitlab_subscriptions/namespaces/:id/provision';

type Series = [name: string, labels: Record<string, string | number>, by: number];

/** Expects series to have grown by so much when `work` is done; requests are counted just after their answer. */
async function expectGrowth(
  series: Series[],
  work: () => Promise<unknown>,
  url = client.service.apiUrl,
): Promise<void> {
  const read = async () => {
    const metrics = await Exposition.of(url);
    return series.map(([name, labels]) => metrics.value(name, labels) ?? NaN);
  };
  const before = await read();
  await work();
  const grown = async () => (await read()).map((value, index) => value - (before[index] ?? NaN));
  const wanted = series.map(([, , by]) => by);
  await eventually(async () => isDeepStrictEqual(await grown(), wanted), 'counted', 2_000).catch(
    () => undefined,
  );
  expect(await grown()).toEqual(wanted);
}

test('a sync that is applied counts as a request, a sync, and one execution of each step', async () => {
  const id = await client.createNamespace();
  await expectGrowth(
    [
      ['provisioner_http_requests_total', { method: 'POST', route: PROVISION, status: 200 }, 1],
      ['provisioner_syncs_total', { outcome: 'success' }, 1],
      ['provisioner_step_duration_seconds_count', { step: 'updateSubscription', result: 'success' }, 1],
      ['provisioner_step_duration_seconds_count', { step: 'upsertAddOnPurchases', result: 'success' }, 1],
      ['gitlab_sli_provision_total', {}, 1],
      ['gitlab_sli_provision_error_total', {}, 0],
      ['gitlab_sli_provision_apdex_total', {}, 1],
      ['gitlab_sli_provision_apdex_success_total', {}, 1],
      ['provisioner_step_retries_total', {}, 0],
    ],
    () => client.provision(id, fullSync(1), 1),
  );
});

test('a refusal counts each section that is refused', async () => {
  const id = await client.createNamespace();
  await expectGrowth(
    [
      ['provisioner_syncs_total', { outcome: 'error' }, 1],
      ['provisioner_refused_sections_total', { section: 'base_product' }, 1],
      ['provisioner_refused_sections_total', { section: 'storage' }, 1],
      ['provisioner_refused_sections_total', { section: 'compute_minutes' }, 0],
    ],
    () =>
      client.provision(id, {
        base_product: { plan_code: 'premium', seats: null },
        storage: { additional_purchased_storage_size: -1 },
        compute_minutes: { extra_shared_runners_minutes_limit: 1 },
      }),
  );
});

test('a sync that comes too late counts as superseded at the door', async () => {
  const id = await client.createNamespace();
  await client.provision(id, fullSync(1), 9);
  await expectGrowth(
    [
      ['provisioner_syncs_total', { outcome: 'skipped' }, 1],
      ['provisioner_superseded_total', { at: 'door' }, 1],
      ['provisioner_superseded_total', { at: 'run' }, 0],
      ['gitlab_sli_provision_error_total', {}, 0],
    ],
    () => client.provision(id, fullSync(1), 8),
  );
});

test('trouble that passes counts as retries, and requests that wait for it are seen; a newer sync supersedes its run', async () => {
  const id = await client.createNamespace();
  const waiters = async (what: string) =>
    (await Exposition.of(client.service.apiUrl)).value('provisioner_waiters', { for: what });
  await faults.set(id, 'namespace_limits', '40001');
  const retries = { step: 'updateNamespaceLimits', reason: 'transient' };
  await expectGrowth(
    [
      ['provisioner_superseded_total', { at: 'run' }, 1],
      ['provisioner_compensations_total', { step: 'updateSubscription', result: 'restored' }, 1],
    ],
    async () => {
      const older = client.provision(id, fullSync(1), 1);
      await eventually(async () => (await waiters('result')) === 1, 'the first waits for its result');
      await eventually(async () => (await faults.hits(id)) >= 4, 'it is retried');
      const metrics = await Exposition.of(client.service.apiUrl);
      expect(metrics.value('provisioner_step_retries_total', retries)).toBeGreaterThanOrEqual(3);
      const newer = client.provision(id, fullSync(2), 2);
      await eventually(async () => (await waiters('turn')) === 1, 'the second waits for its turn');
      expect((await older).status).toBe(409);
      await faults.clear(id);
      expect((await newer).status).toBe(200);
    },
  );
  expect([await waiters('turn'), await waiters('result')]).toEqual([0, 0]);
});

test('a request whose token cannot be checked counts for the endpoint, too', async () => {
  await expectGrowth(
    [['provisioner_http_requests_total', { method: 'POST', route: PROVISION, status: 401 }, 1]],
    () =>
      client.request('POST', PROVISION.replace(':id', '1'), {
        headers: { 'x-customers-dot-internal-token': 'x' },
      }),
  );
});

test('health, the pool of connections and what the SDK measures are shown', async () => {
  const id = await client.createNamespace();
  await client.provision(id, fullSync(1));
  const metrics = await Exposition.of(client.service.apiUrl);
  for (const check of ['gitlab_database', 'temporal', 'worker']) {
    expect(metrics.value('provisioner_check_up', { check })).toBe(1);
  }
  expect(metrics.value('provisioner_pool_size', { pool: 'gitlab' })).toBe(20);
  expect(metrics.value('provisioner_pool_waiting', { pool: 'gitlab' })).toBe(0);
  expect(metrics.value('provisioner_pool_idle', { pool: 'gitlab' })).toBeGreaterThan(0);
  expect(metrics.value('temporal_workflow_completed_total', { task_queue: 'provisioning' })).toBeGreaterThan(
    0,
  );
});

test("CustomersDot's side shows its queue and counts its attempts", async () => {
  const namespaceId = await client.createNamespace();
  await cdot.record(namespaceId, attrs(1));
  const waits = await queueState(cdot.pool);
  expect(waits).toMatchObject({ jobs: { due: 1, waiting: 0, running: 0 } });
  expect([waits.dueAgeS > 0, waits.unsentAgeS > 0]).toEqual([true, true]);

  const { url } = await cdot.start({ DATA_DIR: client.service.dataDir });
  await cdot.settled(namespaceId);
  const count = async (state: string) =>
    (await Exposition.of(url)).value('provisioner_attempts_total', { state });
  await eventually(async () => (await count('completed')) === 1, 'the attempt is counted');
  await expectGrowth(
    [
      ['provisioner_attempts_total', { state: 'given_up' }, 1],
      ['provisioner_attempts_total', { state: 'completed' }, 0],
    ],
    async () => {
      await cdot.record('987654321', attrs(1)); // there is no such namespace
      await cdot.settled('987654321');
    },
    url,
  );
  const metrics = await Exposition.of(url);
  expect(metrics.value('provisioner_queue_age_seconds')).toBe(0);
  expect(metrics.value('provisioner_unsent_sync_age_seconds')).toBe(0);
  expect(metrics.value('provisioner_queue_jobs')).toBe(0);
  expect(metrics.value('provisioner_pool_size', { pool: 'customers_dot' })).toBe(15);
  expect(metrics.value('provisioner_signing_key_age_seconds')).toBeGreaterThan(0);
});

test('every series that an alert or the dashboard asks for exists in the running service', async () => {
  const id = await client.createNamespace();
  // By hand, as a run that begins in the API's own process waits for no worker.
  const temporal = TemporalProbe.in(client.service.temporalNamespace);
  await temporal.client.workflow.execute('provisionNamespace', {
    ...{ workflowId: `provision:${id}`, taskQueue: 'provisioning' },
    args: [{ namespace_id: id, provision: fullSync(1) }],
  });
  await temporal.close();
  const { url } = await cdot.start({ DATA_DIR: client.service.dataDir });
  const outbox = await Outbox.create('metrics_relay');
  const { relayUrl } = await outbox.relay({ OUTBOX_SIDEKIQ_REDIS_URL: 'redis://127.0.0.1:1/0' });
  const urls = [client.service.apiUrl, url, relayUrl];
  const scrapes = await Promise.all(urls.map((process) => Exposition.of(process)));
  await outbox.close();
  const missing = queries().flatMap(({ where, expr }) =>
    selectors(expr)
      .filter(({ name }) => !recordedNames().includes(name))
      .filter(({ name, labels }) => scrapes.every((scrape) => scrape.value(name, labels) === null))
      .map((selector) => ({ where, ...selector })),
  );
  expect(missing).toEqual([]);
});
