import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { provisionPath } from '../../support/client';
import { sharedService, sharedTemporal } from '../../support/shared';
import { eventually } from '../../support/eventually';
import { fullSync } from '../../support/syncs';
import { installLedgerFaults, ledgerFault } from './support/ledgerFaults';
import { startApi, type Api } from './support/countedApi';

const RUN_ID = 'x-provision-run-id';
const WAITERS = 100;
const OTHERS = 15;

const temporal = sharedTemporal();

/** Starts a sync that is stuck in its first step until `heal`. */
async function stick({ client }: Api) {
  const id = await client.createNamespace();
  await client.fault(id, 'gitlab_subscriptions', '40001');
  const answer = client.provision(id, fullSync(3));
  await temporal.pendingActivity(id, 'updateSubscription');
  return { id, answer };
}

const minutes = (limit: number) => ({ compute_minutes: { shared_runners_minutes_limit: limit } });

/**
 * Sends different requests for a namespace, each when the one before has found that it must wait: it has tried to
 * start a run and asked which one is in its way. The first one then waits for that run's end, in a further call.
 */
async function queueUp({ client, rpcs }: Api, id: string, count: number) {
  const before = rpcs.calls;
  const answers = [];
  for (let index = 1; index <= count; index += 1) {
    answers.push(client.provision(id, minutes(index)));
    await eventually(async () => rpcs.calls >= before + 2 * index + 1, `request ${index} waits`);
  }
  return answers;
}

async function syncOthers({ client }: Api): Promise<number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < OTHERS; index += 1) {
    const id = await client.createNamespace();
    statuses.push((await client.provision(id, fullSync(2))).status);
  }
  return statuses;
}

/** Database connections of an API that do something, or hold a transaction. */
async function busyConnections({ client, name }: Api): Promise<number> {
  const [row] = await client.rows<{ count: string }>(
    `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'`,
    [name],
  );
  return Number(row?.count);
}

/** The runs that were admitted for a namespace, in order. */
async function admittedRuns({ client }: Api, id: string): Promise<string[]> {
  const entries = await client.ledger(id);
  return entries.filter(({ step }) => step === 'admitSync').map((entry) => entry.run_id);
}

describe(`${WAITERS} different requests wait for a namespace that is stuck`, () => {
  let api: Api;
  beforeAll(async () => (api = await startApi('waiters_patient', 100_000)));
  afterAll(() => api.stop());

  test('they cost the others nothing, and are applied in order of arrival once it is healed', async () => {
    const { client, rpcs } = api;
    const callsOfOthers = async () => {
      const before = rpcs.calls;
      expect(await syncOthers(api)).toEqual(Array(OTHERS).fill(200));
      return rpcs.calls - before;
    };
    const alone = await callsOfOthers();

    const stuck = await stick(api);
    const before = rpcs.calls;
    const answers = await queueUp(api, stuck.id, WAITERS);
    expect(await busyConnections(api)).toBe(0);

    // Two calls each, and one that waits for the end of the run in the way: nobody asks again and again. The long
    // polls of the stuck run's caller and of the first waiter are renewed every 20 s.
    const beside = await callsOfOthers();
    expect(beside - alone).toBeLessThanOrEqual(4);
    expect(rpcs.calls - before - beside).toBeLessThanOrEqual(2 * WAITERS + 1 + 6);
    expect(await busyConnections(api)).toBe(0);

    await client.heal(stuck.id);
    const first = await stuck.answer;
    const settled = await Promise.all(answers);
    expect(settled.map(({ status }) => status)).toEqual(Array(WAITERS).fill(200));
    const runs = [first, ...settled].map(({ headers }) => headers.get(RUN_ID));
    const admitted = await admittedRuns(api, stuck.id);
    expect(new Set(admitted)).toEqual(new Set(runs));
    // Requests that arrive within the same milliseconds may change places.
    const moved = runs.map((run, index) => Math.abs(admitted.indexOf(run ?? '') - index));
    expect(Math.max(...moved)).toBeLessThanOrEqual(3);
  }, 150_000);
});

describe('a request whose wait runs out before its turn comes', () => {
  let api: Api;
  beforeAll(async () => (api = await startApi('waiters_hasty', 3_000)));
  afterAll(() => api.stop());

  test(`is told to come again, each of ${WAITERS}; none is applied later`, async () => {
    const { client } = api;
    const stuck = await stick(api);
    const answers = await Promise.all(
      Array.from({ length: WAITERS }, (_, index) => client.provision(stuck.id, minutes(index + 1))),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(WAITERS).fill(503));
    for (const { headers } of answers) {
      expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(headers.get(RUN_ID)).toBeNull();
    }
    expect((await stuck.answer).status).toBe(503);
    await client.heal(stuck.id);
    await temporal.handle(stuck.id).result();
    const last = await client.provision(stuck.id, minutes(7));
    expect(last.status).toBe(200);
    const runs = await admittedRuns(api, stuck.id);
    expect(runs).toHaveLength(2);
    expect(runs[1]).toBe(last.headers.get(RUN_ID));
  });
});

describe('while a namespace is busy', () => {
  const client = sharedService();
  beforeAll(() => installLedgerFaults(client));

  test('a request that its caller dropped and repeats gets the answer of the run that it started', async () => {
    const id = await client.createNamespace();
    await client.fault(id, 'gitlab_subscriptions', '40001');
    const caller = new AbortController();
    const dropped = client.request('POST', provisionPath(id), {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ provision: fullSync(3), sync_id: 1 }),
      signal: caller.signal,
    });
    await temporal.pendingActivity(id, 'updateSubscription');
    const { runId } = await temporal.handle(id).describe();
    caller.abort();
    await expect(dropped).rejects.toThrow('aborted');

    const repeated = client.provision(id, fullSync(3), 1);
    await client.heal(id);
    const { status, headers } = await repeated;
    expect({ status, runId: headers.get(RUN_ID) }).toEqual({ status: 200, runId });
    const steps = (await client.ledger(id)).map(({ step }) => step);
    expect(steps).toEqual([...new Set(steps)]);
  });

  test('an older sync that waits for its turn while a newer one is admitted gets 409 and writes nothing', async () => {
    const id = await client.createNamespace();
    await ledgerFault(client, id, 'admitSync', '40001');
    const newer = client.provision(id, fullSync(5), 5);
    await temporal.pendingActivity(id, 'admitSync');
    const older = client.provision(id, fullSync(4), 4); // the newer one is not admitted yet: it may wait
    const still = await Promise.race([older, eventuallyWaits(id)]);
    expect(still).toBe('waits');
    await client.heal(id);
    expect((await newer).status).toBe(200);
    const { status, body } = await older;
    expect(status).toBe(409);
    expect(body.message).toBe('Superseded by sync 5');
    expect((await client.snapshot(id))['gitlab_subscriptions']).toMatchObject([{ seats: 5 }]);
    const steps = (await client.ledger(id)).map(({ step }) => step);
    expect(steps.filter((step) => step === 'updateSubscription')).toHaveLength(1);
  });
});

/** The stuck run has been tried again: time in which a request that does not wait would have been answered. */
async function eventuallyWaits(id: string): Promise<'waits'> {
  const { attempt } = await temporal.pendingActivity(id, 'admitSync');
  await eventually(
    async () => (await temporal.pendingActivity(id, 'admitSync')).attempt >= attempt + 2,
    'two more attempts',
  );
  return 'waits';
}
