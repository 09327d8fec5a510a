import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { unreleasedFollowUps, UNRELEASED } from '../../../src/db/unreleased';
import { openRuns } from '../../../src/worker/openRuns';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { Exposition } from '../../support/exposition';
import { installFaults } from '../../support/faults';
import { fullSync } from '../../support/syncs';
import { TemporalProbe } from '../../support/temporal';
import { knowsActivityCommands } from '../operations/support/operator';
import { startOwnService, type OwnService } from '../sections/support/ownService';

// What the metrics tell of Temporal and of the database; of its own, as it is counted over all namespaces.
let own: OwnService;
let temporal: TemporalProbe;
beforeAll(async () => {
  own = await startOwnService('looked_up');
  await installFaults(own.client.service.databaseUrl);
  temporal = TemporalProbe.in(own.client.service.temporalNamespace);
});
afterAll(async () => {
  await temporal?.close();
  await own?.stop();
});

const LIMIT_MS = 40_000; // the service looks every ten seconds

async function shown(name: string, labels: Record<string, string> = {}): Promise<number | null> {
  return (await Exposition.of(own.client.service.apiUrl)).value(name, labels);
}

const HOUR_MS = 3_600_000;

test('a run that does not end is counted by its age, and its follow-up work as unreleased, until it ends', async () => {
  const { client } = own;
  const id = await client.createNamespace();
  await client.fault(id, 'subscription_add_on_purchases', '40001');
  const answer = client.provision(id, fullSync(2), 1);
  await temporal.pendingActivity(id, 'upsertAddOnPurchases');

  await eventually(
    async () => (await shown('provisioner_open_runs', { older_than: '0s' })) === 1,
    'it is seen',
    LIMIT_MS,
  );
  expect(await shown('provisioner_open_runs', { older_than: '1h' })).toBe(0);
  const later = await openRuns(temporal, Date.now() + 2 * HOUR_MS);
  expect(later).toEqual({ '0s': 1, '1m': 1, '10m': 1, '1h': 1, '1d': 0 });

  const { rows, ageS } = await unreleasedFollowUps(client.db);
  expect(rows).toBe((await client.outbox(id)).length);
  expect(ageS).toBeGreaterThan(0);
  await eventually(
    async () => (await shown('provisioner_outbox_unreleased')) === rows,
    'its rows are seen',
    LIMIT_MS,
  );

  await client.heal(id);
  await answer;
  await temporal.ended(id);
  expect(await unreleasedFollowUps(client.db)).toEqual({ rows: 0, ageS: 0 });
  await eventually(
    async () =>
      (await openRuns(temporal, Date.now()))['0s'] === 0 &&
      (await shown('provisioner_outbox_unreleased')) === 0,
    'nothing is left',
    LIMIT_MS,
  );
}, 120_000);

const isOld = !knowsActivityCommands();
if (isOld) console.warn('skipped: paused runs: this Temporal server is older than 1.32');
(isOld ? test.skip : test)(
  'a run whose step a person has paused is counted until it goes on',
  async () => {
    const { client } = own;
    const id = await client.createNamespace();
    const { temporalCli, temporalAddress } = testEnvironment();
    const act = (verb: string) => {
      const where = ['--address', temporalAddress, '--namespace', client.service.temporalNamespace];
      const what = ['-w', `provision:${id}`, '-a', 'upsertAddOnPurchases'];
      return promisify(execFile)(temporalCli, ['activity', verb, ...what, ...where], { env: {} });
    };
    const isShown = (runs: number) => async () => (await shown('provisioner_paused_runs')) === runs;
    await client.fault(id, 'subscription_add_on_purchases', '40001');
    const answer = client.provision(id, fullSync(2), 1);
    await temporal.pendingActivity(id, 'upsertAddOnPurchases');
    await act('pause');
    await eventually(isShown(1), 'it is seen', LIMIT_MS);
    await client.heal(id);
    await act('unpause');
    await answer;
    await eventually(isShown(0), 'it has gone on', LIMIT_MS);
  },
  120_000,
);

test('unreleased rows are found by their index, however many released ones there are', async () => {
  const { client } = own;
  await client.db.query(
    `INSERT INTO provisioning.outbox (namespace_id, event, payload, workflow_id, run_id, created_at, released_at)
     SELECT n, 'index_namespace', '{}', 'provision:' || n, md5(n::text), now(), now() FROM generate_series(1, 50000) n`,
  );
  await client.db.query('ANALYZE provisioning.outbox');
  const plan = await client.rows<{ 'QUERY PLAN': string }>(`EXPLAIN ${UNRELEASED.text}`);
  const text = plan.map((row) => row['QUERY PLAN']).join('\n');
  expect(text).toContain('outbox_run_id_idx');
  expect(text).not.toContain('Seq Scan');
});

test('a process shows its parts, and how much memory it may use', async () => {
  const parts = ['api', 'worker', 'cdot'].map((part) => shown('provisioner_part', { part }));
  expect(await Promise.all(parts)).toEqual([1, 1, null]);
  const used = (await shown('process_resident_memory_bytes')) ?? 0;
  expect(await shown('provisioner_memory_limit_bytes', { of: 'process' })).toBeGreaterThan(used);
  const heap = (await shown('nodejs_heap_size_used_bytes')) ?? 0;
  expect(await shown('provisioner_memory_limit_bytes', { of: 'heap' })).toBeGreaterThan(heap);
});
