import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { startTemporalServer } from '../../../src/local/temporalServer';
import { ServiceClient } from '../../support/client';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { fullSync } from '../../support/syncs';
import { createTemporalNamespace } from '../../support/temporalServer';
import { createDatabase } from '../sections/support/ownService';

const MAIN = path.join(__dirname, '../../../dist/cli/main.js');
const { adminUrl, directory, temporalAddress, temporalCli } = testEnvironment();

let env: Record<string, string>;
const running: ServiceProcess[] = [];
beforeAll(async () => {
  const DATA_DIR = path.join(directory, 'temporal_namespace');
  const [databaseUrl] = await Promise.all([createDatabase(adminUrl, 'temporal_namespace'), mkdir(DATA_DIR)]);
  env = { DATA_DIR, GITLAB_DATABASE_URL: databaseUrl, TEMPORAL_ADDRESS: temporalAddress };
});
afterAll(() => Promise.all(running.map((process) => process.stop())));

/** `temporal operator namespace …` */
const operate = (address: string, command: string, name: string, ...args: string[]) =>
  promisify(execFile)(
    temporalCli,
    ['operator', 'namespace', command, ...args, '--namespace', name, '--address', address],
    { env: {} },
  );

test.each(['api', 'worker', 'api,worker'])(
  'a Temporal namespace that does not exist ends the start of %s with one line and exit code 1',
  async (parts) => {
    const start = promisify(execFile)(process.execPath, [MAIN, 'start', '--only', parts], {
      env: { PATH: process.env['PATH'], PORT: '0', WORKER_PORT: '0', ...env, TEMPORAL_NAMESPACE: 'nowhere' },
    });
    const failure = (await start.catch((error: unknown) => error)) as { code: number; stderr: string };
    expect(failure.code).toBe(1);
    const lines = failure.stderr.split('\n').filter((line) => line.startsWith('provisioner: '));
    expect(lines).toEqual([
      expect.stringMatching(
        /^provisioner: TEMPORAL_NAMESPACE: nowhere cannot be used at \S+ \("temporal operator namespace create -n nowhere" makes a missing one\): .*not found/,
      ),
    ]);
    expect(failure.stderr.trimEnd().endsWith(lines[0] ?? '-')).toBe(true);
  },
);

/** A service on a Temporal namespace, and what is asked of it. */
async function startOn(address: string, TEMPORAL_NAMESPACE: string) {
  const more = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE, PROVISION_WAIT_MS: '3000' };
  const process = await startServiceProcess({ ...env, ...more }, ['--only', 'api,worker']);
  running.push(process);
  const client = ServiceClient.for({
    apiUrl: process.apiUrl,
    databaseUrl: env['GITLAB_DATABASE_URL'] ?? '',
    dataDir: env['DATA_DIR'] ?? '',
    temporalNamespace: TEMPORAL_NAMESPACE,
  });
  const readiness = async () => {
    const { status, body } = await client.request<{ checks: Record<string, string> }>('GET', '/-/readiness');
    return { status, ...body.checks } as { status: number } & Record<string, unknown>;
  };
  const isReady = async () => (await readiness()).status === 200;
  const stop = async () => {
    await client.close();
    return process.stop();
  };
  return { process, client, readiness, isReady, stop };
}

const UNAVAILABLE = { status: 503, text: '{"message":"503 Service Unavailable"}' };

test('one that is deleted later: the process stays and is not ready, requests are 503, and it recovers by itself', async () => {
  const name = await createTemporalNamespace(temporalCli, temporalAddress, 'deleted');
  const { process, client, readiness, isReady, stop } = await startOn(temporalAddress, name);
  const id = await client.createNamespace();
  expect((await client.provision(id, fullSync(1), 1)).status).toBe(200);

  await operate(temporalAddress, 'delete', name, '--yes');
  await eventually(async () => (await readiness())['temporal'] === 'failed', 'Temporal fails its check');
  expect((await readiness()).status).toBe(503);
  // The part of the server that starts runs learns of it a little later.
  const refused = await eventually(async () => {
    const answer = await client.provision(id, fullSync(2), 2);
    return answer.status !== 200 && answer;
  }, 'syncs are refused');
  expect(refused).toMatchObject(UNAVAILABLE);
  const line = await eventually(
    async () =>
      process
        .log()
        .split('\n')
        .find((text) => text.includes('"sync_id":2') && text.includes('"status":503')),
    'the refusal is logged',
  );
  expect(JSON.parse(line)).toMatchObject({
    error_code: 'temporal_unavailable',
    dependency: 'temporal',
    reason: `NOT_FOUND: namespace ${name}`,
  });
  expect(process.child.exitCode).toBeNull();

  await operate(temporalAddress, 'create', name, '--retention', '24h');
  await eventually(isReady, 'it is ready again');
  await eventually(
    async () => (await client.provision(id, fullSync(3), 3)).status === 200,
    'a sync is applied',
  );
  expect(await stop()).toBe(0);
}, 90_000);

test('a server that comes back without it: another worker polls when there is the namespace again', async () => {
  const data = path.join(directory, 'forgetful');
  await mkdir(data);
  const start = (namespace: string, port: number) =>
    startTemporalServer({
      cli: temporalCli,
      dbFile: path.join(data, 'temporal.db'),
      namespaces: [namespace],
      port,
      uiPort: null,
    });
  let server = await start('forgotten', 0);
  try {
    const { process, client, readiness, isReady, stop } = await startOn(server.address, 'forgotten');
    const id = await client.createNamespace();
    expect((await client.provision(id, fullSync(1), 1)).status).toBe(200);

    await server.stop();
    await rm(data, { recursive: true });
    server = await start('default', Number(server.address.split(':')[1]));
    // The SDK gives a poll that is refused a minute before it gives the worker up.
    await eventually(
      async () => (await readiness())['worker'] === 'failed',
      'the worker fails its check',
      90_000,
    );
    expect(await readiness()).toMatchObject({ status: 503, temporal: 'failed', gitlab_database: 'ok' });
    expect(await client.provision(id, fullSync(2), 2)).toMatchObject(UNAVAILABLE);
    expect(process.child.exitCode).toBeNull();

    await operate(server.address, 'create', 'forgotten', '--retention', '24h');
    await eventually(isReady, 'it is ready again');
    await eventually(
      async () => (await client.provision(id, fullSync(3), 3)).status === 200,
      'a sync is applied',
    );
    // Not only what starts here is worked on: the worker polls.
    const connection = await Connection.connect({ address: server.address });
    const { workflow } = new Client({ connection, namespace: 'forgotten' });
    const workflowId = `provision:${id}`;
    await workflow.getHandle(workflowId).result();
    const args = [{ namespace_id: id, provision: fullSync(4) }];
    const byHand = workflow.execute('provisionNamespace', { workflowId, taskQueue: 'provisioning', args });
    expect(await byHand).toMatchObject({ status: 'success' });
    await connection.close();
    expect(await stop()).toBe(0);
  } finally {
    await server.stop();
  }
}, 180_000);
