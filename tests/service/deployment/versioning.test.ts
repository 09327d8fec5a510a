import { execFile } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Runtime } from '@temporalio/worker';
import { DEPLOYMENT } from '../../../src/workflows/names';
import { ServiceClient } from '../../support/client';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { installFaults } from '../../support/faults';
import { replay } from '../../support/replay';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { fullSync } from '../../support/syncs';
import { TemporalProbe } from '../../support/temporal';
import { changedWorkflows, type ChangedWorkflows } from '../../unit/workflows/support/changedWorkflows';
import { createTemporalNamespace } from '../../support/temporalServer';
import { createDatabase } from '../sections/support/ownService';
import { historyIn } from '../workflow/support/history';

const NAME = 'versioning';
const ROOT = path.join(__dirname, '../../..');
const { adminUrl, directory, temporalAddress, temporalCli } = testEnvironment();

/** A timer at the very beginning: no history of the release before replays on this. */
const BEGINNING = '  let newerSync: number | null = null;\n';
const CHANGE = [
  { file: 'provisionNamespace.ts', find: BEGINNING, replace: `  await sleep(1);\n${BEGINNING}` },
  { file: 'provisionNamespace.ts', find: 'import {\n', replace: 'import {\n  sleep,\n' },
];

let env: Record<string, string>;
let temporalNamespace: string;
let client: ServiceClient;
let temporal: TemporalProbe;
let changed: ChangedWorkflows;
const processes: ServiceProcess[] = [];

/** @param release the folder of a build */
async function start(parts: string, buildId: string, release: string): Promise<ServiceProcess> {
  const main = path.join(release, 'dist/cli/main.js');
  const service = await startServiceProcess({ ...env, WORKER_BUILD_ID: buildId }, ['--only', parts], main);
  processes.push(service);
  return service;
}

/** The build of this tree with the changed workflow code: what the next release would be. */
async function nextRelease(): Promise<string> {
  const release = path.join(directory, 'next-release');
  for (const folder of ['dist', 'sql']) {
    await cp(path.join(ROOT, folder), path.join(release, folder), { recursive: true });
  }
  await symlink(path.join(ROOT, 'node_modules'), path.join(release, 'node_modules'));
  await cp(changed.bundle, path.join(release, 'dist/workflow-bundle.js'));
  return release;
}

async function setCurrent(buildId: string): Promise<void> {
  const version = ['--deployment-name', DEPLOYMENT, '--build-id', buildId, '--yes'];
  const server = ['--namespace', temporalNamespace, '--address', temporalAddress];
  const set = () =>
    promisify(execFile)(temporalCli, ['worker', 'deployment', 'set-current-version', ...version, ...server]);
  // The server learns of a version some time after its first worker has begun to poll.
  await eventually(() => set().catch(() => null), `version ${buildId} is current`);
}

beforeAll(async () => {
  const DATA_DIR = path.join(directory, NAME);
  const [databaseUrl, workflows, createdNamespace] = await Promise.all([
    createDatabase(adminUrl, NAME),
    changedWorkflows(CHANGE),
    createTemporalNamespace(temporalCli, temporalAddress, NAME),
    mkdir(DATA_DIR),
  ]);
  [changed, temporalNamespace] = [workflows, createdNamespace];
  env = {
    DATA_DIR,
    GITLAB_DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: temporalNamespace,
  };
  env['PROVISION_WAIT_MS'] = '30000';
  const [api] = await Promise.all([start('api', '', ROOT), start('worker', '1', ROOT)]);
  await installFaults(databaseUrl);
  await setCurrent('1');
  const { apiUrl } = api;
  client = ServiceClient.for({ apiUrl, databaseUrl, dataDir: DATA_DIR, temporalNamespace });
  temporal = TemporalProbe.in(temporalNamespace);
}, 60_000);
afterAll(async () => {
  await temporal?.close();
  await client?.close();
  await Promise.all(processes.map((service) => service.stop()));
  await changed?.remove();
  await Runtime.instance().shutdown();
});

/** The version that a run ended on; its answer may be there before its end. */
async function versionOf(namespaceId: string): Promise<string | null | undefined> {
  await temporal.handle(namespaceId).result();
  const { raw } = await temporal.handle(namespaceId).describe();
  return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId;
}

test('an incompatible change is rolled out: open runs end on the old code, new ones begin on the new', async () => {
  const [open, begun] = [await client.createNamespace(), await client.createNamespace()];
  await client.fault(open, 'subscription_add_on_purchases', '40001');
  const waiting = client.provision(open, fullSync(2), 1);
  await temporal.pendingActivity(open, 'upsertAddOnPurchases');

  await start('worker', '2', await nextRelease());
  await setCurrent('2');
  expect((await client.provision(begun, fullSync(3), 2)).status).toBe(200);
  expect(await versionOf(begun)).toBe('2');

  await client.heal(open);
  expect((await waiting).status).toBe(200);
  expect(await versionOf(open)).toBe('1');

  const [old, fresh] = [await historyIn(temporalNamespace, open), await historyIn(temporalNamespace, begun)];
  expect([old.includes('TIMER_STARTED'), fresh.includes('TIMER_STARTED')]).toEqual([false, true]);
  expect(old + fresh).not.toContain('WORKFLOW_TASK_FAILED');
  // What would have become of the open run without versions.
  expect(await replay(old, changed.bundle)).toMatch(/nondeterminism/i);
}, 60_000);

test('where API and worker share a process, a run begins on their version, whichever is the current one', async () => {
  const { apiUrl } = await start('api,worker', '3', ROOT);
  const other = ServiceClient.for({ ...client.service, apiUrl });
  const id = await client.createNamespace();
  expect((await other.provision(id, fullSync(2), 1)).status).toBe(200);
  expect(await versionOf(id)).toBe('3');
  await other.close();
}, 60_000);
