import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client as TemporalClient, Connection } from '@temporalio/client';
import { Client as DatabaseConnection } from 'pg';
import { provisionPath, ServiceClient } from '../../support/client';
import { testEnvironment } from '../../support/environment';
import { startProxy, type Proxy } from '../../support/proxy';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { eventually, JSON_TYPE, postJson, send, TOKEN, type WireAnswer } from './support';

const WAIT_MS = 2_500;
/** For the way there and back on a busy machine. */
const SLACK_MS = 1500;

/** The service's own ways to PostgreSQL and to Temporal; those of the tests and of the worker stay open. */
let database: Proxy;
let server: Proxy;
let service: ServiceProcess;
let client: ServiceClient;
let connection: Connection;
let temporal: TemporalClient;
beforeAll(async () => {
  const { compensate, directory, temporalAddress } = testEnvironment();
  const dataDir = path.join(directory, 'endpoint-waiting');
  await mkdir(dataDir);
  const databaseUrl = new URL(compensate.databaseUrl);
  const [temporalHost, temporalPort] = temporalAddress.split(':');
  database = await startProxy(databaseUrl.hostname, Number(databaseUrl.port));
  server = await startProxy(String(temporalHost), Number(temporalPort));
  databaseUrl.port = String(database.port);
  // Only the API: the runs are worked on by the worker that all tests share, and outlive this process.
  const environment = {
    DATA_DIR: dataDir,
    GITLAB_DATABASE_URL: databaseUrl.href,
    TEMPORAL_ADDRESS: `127.0.0.1:${server.port}`,
    TEMPORAL_NAMESPACE: compensate.temporalNamespace,
    PROVISION_WAIT_MS: String(WAIT_MS),
  };
  service = await startServiceProcess(environment, ['--only', 'api']);
  client = ServiceClient.for({ ...compensate, dataDir, apiUrl: service.apiUrl });
  connection = await Connection.connect({ address: temporalAddress });
  temporal = new TemporalClient({ connection, namespace: compensate.temporalNamespace });
});
afterAll(async () => {
  await connection?.close();
  await client?.close();
  await service?.stop();
  await Promise.all([database?.close(), server?.close()]);
});

let id: string;
let locker: DatabaseConnection;
beforeEach(async () => {
  id = await client.createNamespace();
  locker = new DatabaseConnection({ connectionString: client.service.databaseUrl });
  await locker.connect();
});
afterEach(() => locker.end());

/** Keeps every run of the namespace from finishing, until `release`. */
async function hold(): Promise<void> {
  await locker.query('BEGIN');
  await locker.query('SELECT FROM namespaces WHERE id = $1 FOR UPDATE', [id]);
}
const release = () => locker.query('ROLLBACK');

async function timed(work: Promise<WireAnswer>): Promise<WireAnswer & { ms: number }> {
  const begun = performance.now();
  const answer = await work;
  return { ...answer, ms: performance.now() - begun };
}

function expectUnavailable({ status, text, headers, ms }: WireAnswer & { ms: number }): void {
  expect({ status, text }).toEqual({ status: 503, text: '{"message":"503 Service Unavailable"}' });
  expect(headers['retry-after']).toMatch(/^[1-9]\d*$/);
  expect(headers['content-type']).toMatch(/^application\/json/);
  expect(ms).toBeGreaterThan(WAIT_MS - 100);
  expect(ms).toBeLessThan(WAIT_MS + SLACK_MS);
}

const minutes = (limit: number) => ({
  provision: { compute_minutes: { shared_runners_minutes_limit: limit } },
});

async function storedMinutes(): Promise<unknown> {
  return (await client.snapshot(id))['namespaces']?.[0]?.['shared_runners_minutes_limit'];
}

test('a wait that runs out is 503 and names the run; the same request again joins it, and the run is not lost', async () => {
  const sync = { ...minutes(77), sync_id: 5 };
  await hold();
  const first = await timed(postJson(client, id, sync));
  expectUnavailable(first);
  expect(first.headers['x-provision-workflow-id']).toBe(`provision:${id}`);
  const runId = String(first.headers['x-provision-run-id']);
  expect(first.headers['x-provision-workflow-url']).toContain(`/${runId}/history`);

  const again = await timed(postJson(client, id, sync));
  expectUnavailable(again);
  expect(again.headers['x-provision-run-id']).toBe(runId);

  await release();
  const answered = await postJson(client, id, sync);
  expect(answered).toMatchObject({ status: 200 });
  expect(await storedMinutes()).toBe(77);
  await expect(temporal.workflow.getHandle(`provision:${id}`, runId).result()).resolves.toMatchObject({
    status: 'success',
  });
});

test('a hold-up shorter than the wait is 200', async () => {
  await hold();
  const answer = postJson(client, id, minutes(78));
  await eventually(() => temporal.workflow.getHandle(`provision:${id}`).describe());
  await release();
  expect(await answer).toMatchObject({ status: 200 });
  expect(await storedMinutes()).toBe(78);
});

test('a request that waits for its turn behind another one is 503, too, and has no run to name', async () => {
  await hold();
  const ahead = timed(postJson(client, id, minutes(79)));
  await eventually(() => temporal.workflow.getHandle(`provision:${id}`).describe());
  const [first, behind] = await Promise.all([ahead, timed(postJson(client, id, minutes(80)))]);
  expectUnavailable(first);
  expectUnavailable(behind);
  expect(behind.headers['x-provision-run-id']).toBeUndefined();
  expect(behind.headers['x-provision-workflow-id']).toBeUndefined();
  await release();
  expect(await postJson(client, id, minutes(80))).toMatchObject({ status: 200 });
  expect(await storedMinutes()).toBe(80);
});

test('a caller that goes away does not take its run along', async () => {
  const caller = new AbortController();
  await hold();
  const headers = { ...JSON_TYPE, [TOKEN]: await client.token() };
  const body = JSON.stringify(minutes(81));
  const gone = send(service.apiUrl, { path: provisionPath(id), headers, body, signal: caller.signal });
  await eventually(() => temporal.workflow.getHandle(`provision:${id}`).describe());
  caller.abort();
  await expect(gone).rejects.toThrow();
  await release();
  await eventually(async () => expect(await storedMinutes()).toBe(81));
});

describe('the wait covers all of the request:', () => {
  test('the look-up of the namespace', async () => {
    database.stall();
    const answer = await timed(postJson(client, id, { provision: {} }));
    database.resume();
    expectUnavailable(answer);
    expect(answer.headers['x-provision-run-id']).toBeUndefined();
    expect(await postJson(client, id, { provision: {} })).toMatchObject({ status: 200 });
  });

  test('the start of the run', async () => {
    server.stall();
    const answer = await timed(postJson(client, id, { provision: {} }));
    server.resume();
    expectUnavailable(answer);
    await eventually(async () =>
      expect(await postJson(client, id, { provision: {} })).toMatchObject({ status: 200 }),
    );
  });

  test('a body that does not end', async () => {
    const { hostname, port } = new URL(service.apiUrl);
    const socket = connect(Number(port), hostname);
    const head = [
      `POST ${provisionPath(id)} HTTP/1.1`,
      'Host: x',
      `${TOKEN}: ${await client.token()}`,
      'Content-Type: application/json',
      'Content-Length: 1000',
    ];
    const begun = performance.now();
    socket.write(`${head.join('\r\n')}\r\n\r\n{"provision":`);
    const [received] = (await once(socket, 'data')) as [Buffer];
    expect(performance.now() - begun).toBeLessThan(WAIT_MS + SLACK_MS);
    socket.destroy();
    expect(received.toString()).toMatch(/^HTTP\/1.1 503 [^]*\r\nRetry-After: \d+\r\n/);
    expect(received.toString()).toContain('{"message":"503 Service Unavailable"}');
  });
});

describe('503, and 200 as soon as it is back, when there is no connection to', () => {
  test.each<[string, () => Proxy]>([
    ['the database', () => database],
    ['Temporal', () => server],
  ])('%s', async (_name, proxy) => {
    expect(await postJson(client, id, { provision: {} })).toMatchObject({ status: 200 });
    await proxy().refuse();
    const answer = await timed(postJson(client, id, { provision: {} }));
    const readiness = await send(service.apiUrl, { method: 'GET', path: '/-/readiness' });
    const liveness = await send(service.apiUrl, { method: 'GET', path: '/-/liveness' });
    await proxy().accept();
    expect(answer).toMatchObject({ status: 503, text: '{"message":"503 Service Unavailable"}' });
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect(answer.ms).toBeLessThan(WAIT_MS + SLACK_MS);
    expect({ readiness: readiness.status, liveness: liveness.status }).toEqual({
      readiness: 503,
      liveness: 200,
    });
    await eventually(async () =>
      expect(await postJson(client, id, { provision: {} })).toMatchObject({ status: 200 }),
    );
  });

  test('either: what is wrong with the token, the namespace or the body is still told first', async () => {
    await server.refuse();
    const answers = [
      await send(service.apiUrl, { path: provisionPath(id) }),
      await postJson(client, '999999999999', {}),
      await postJson(client, id, {}),
    ];
    await server.accept();
    expect(answers.map(({ status }) => status)).toEqual([401, 404, 400]);
    await eventually(async () =>
      expect(await postJson(client, id, { provision: {} })).toMatchObject({ status: 200 }),
    );
  });
});
