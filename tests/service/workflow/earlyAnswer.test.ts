import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { startProxy, type Proxy } from '../../support/proxy';
import { fullSync } from '../../support/syncs';
import { TemporalProbe } from '../../support/temporal';
import { startOwnService, type OwnService } from '../sections/support/ownService';

let proxy: Proxy;
let service: OwnService;
let temporal: TemporalProbe;
beforeAll(async () => {
  const [host = '', port] = testEnvironment().temporalAddress.split(':');
  proxy = await startProxy(host, Number(port));
  const way = { TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}` };
  service = await startOwnService('early_answer', 'compensate', undefined, way);
  temporal = TemporalProbe.in(service.client.service.temporalNamespace);
});
afterAll(async () => {
  await temporal?.close();
  await service?.stop();
  await proxy?.close();
});

const LOCK = 4711;

/** Makes the record of an outcome wait for as long as `during` runs. */
async function withOutcomesHeldUp(during: () => Promise<unknown>): Promise<void> {
  const { client } = service;
  await client.rows(`
    CREATE OR REPLACE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock_shared(${LOCK}); RETURN NEW; END $$;
    CREATE OR REPLACE TRIGGER hold_up BEFORE INSERT ON provisioning.ledger
      FOR EACH ROW WHEN (NEW.step = 'recordOutcome') EXECUTE FUNCTION hold_up()`);
  const holder = await client.db.connect();
  await holder.query(`SELECT pg_advisory_lock(${LOCK})`);
  try {
    await during();
  } finally {
    await holder.query(`SELECT pg_advisory_unlock(${LOCK})`);
    holder.release();
  }
}

const isHeldUp = async () =>
  (await service.client.rows(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).length >
  0;

test('an answer that was given before Temporal knew stays the answer: after a crash, and although the run is cancelled', async () => {
  const { client } = service;
  const id = await client.createNamespace();
  let request: ReturnType<typeof client.provision> | undefined;
  await withOutcomesHeldUp(async () => {
    request = client.provision(id, fullSync(3), 1);
    await eventually(isHeldUp, 'the outcome waits for its lock');
    proxy.stall(); // from now on Temporal hears nothing of this process
  });
  const answer = await request;
  expect(answer).toMatchObject({ status: 200, body: { status: 'success' } });
  const state = await client.snapshot(id);

  await service.kill();
  const runId = answer?.headers.get('x-provision-run-id') ?? '';
  const { status } = await temporal.handle(id, runId).describe();
  expect(status.name).toBe('RUNNING');
  await temporal.handle(id, runId).cancel();
  await service.start();

  expect(await temporal.handle(id, runId).result()).toEqual(answer?.body);
  expect(await client.snapshot(id)).toEqual(state);
  expect((await client.ledger(id)).filter(({ undone_at }) => undone_at !== null)).toEqual([]);
});
