import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testEnvironment } from '../support/environment';
import { fullSync } from '../support/syncs';
import { TemporalProbe } from '../support/temporal';
import { startOwnService, type OwnService } from './sections/support/ownService';
import { startStatementCounter, type StatementCounter } from './support/statementCounter';
import { startRpcCounter, type RpcCounter } from './workflow/support/rpcCounter';

// What a full sync costs, counted, not timed: whoever adds to it has to raise a figure here, and say why.
const EVENTS = 8;
const STATE_TRANSITIONS = 2;
const RPCS = 2; // start, and the one workflow task that is told completed
const STATEMENTS = 36; // BEGIN and COMMIT of three transactions among them; one, which nobody waits for, wakes relays
const ROUND_TRIPS = 11; // that of the door, three of each transaction (read, write, record), and that which wakes relays

const SYNCS = 20;

let service: OwnService;
let temporal: TemporalProbe;
let rpcs: RpcCounter;
let database: StatementCounter;
beforeAll(async () => {
  const { temporalAddress, adminUrl } = testEnvironment();
  [rpcs, database] = await Promise.all([startRpcCounter(temporalAddress), startStatementCounter(adminUrl)]);
  const url = new URL(adminUrl);
  url.port = String(database.port);
  url.pathname = '/budget';
  service = await startOwnService('budget', 'compensate', undefined, {
    TEMPORAL_ADDRESS: rpcs.address,
    GITLAB_DATABASE_URL: url.href,
  });
  temporal = TemporalProbe.in(service.client.service.temporalNamespace);
});
afterAll(async () => {
  await temporal?.close();
  await service?.stop();
  await rpcs?.close();
  await database?.close();
});

/** A first sync of a namespace, then one that changes every section. @returns the namespace's id */
async function change(): Promise<string> {
  const { client } = service;
  const id = await client.createNamespace();
  await client.provision(id, fullSync(3), 1);
  await temporal.ended(id);
  return id;
}

test('a full sync stays within its budget of events, state transitions, calls to Temporal and statements in PostgreSQL', async () => {
  const { client } = service;
  const ids = [];
  for (let index = 0; index < SYNCS; index += 1) ids.push(await change());
  const before = { rpcs: rpcs.calls, statements: database.statements, roundTrips: database.roundTrips };
  for (const id of ids) {
    const { status } = await client.provision(id, fullSync(9), 2);
    expect(status).toBe(200);
    await temporal.ended(id);
  }
  const cost = {
    rpcs: (rpcs.calls - before.rpcs) / SYNCS,
    statements: (database.statements - before.statements) / SYNCS,
    roundTrips: (database.roundTrips - before.roundTrips) / SYNCS,
  };
  const { raw } = await temporal.handle(ids[0] ?? '').describe();
  const { historyLength, stateTransitionCount } = raw.workflowExecutionInfo ?? {};
  expect({ events: Number(historyLength), stateTransitions: Number(stateTransitionCount) }).toEqual({
    events: EVENTS,
    stateTransitions: STATE_TRANSITIONS,
  });
  // Long polls of the worker come on top, once a minute; a probe of readiness has a statement of its own.
  expect(cost.rpcs).toBeLessThan(RPCS + 0.5);
  expect(cost.statements).toBeLessThan(STATEMENTS + 0.5);
  expect(cost.roundTrips).toBeLessThan(ROUND_TRIPS + 0.5);
});
