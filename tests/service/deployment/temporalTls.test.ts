import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ServiceClient } from '../../support/client';
import { testEnvironment } from '../../support/environment';
import { startServiceProcess } from '../../support/serviceProcess';
import { fullSync } from '../../support/syncs';
import { createTemporalNamespace } from '../../support/temporalServer';
import { createDatabase } from '../sections/support/ownService';
import { startTlsFrontend, type TlsFrontend } from './support/tlsFrontend';

const NAME = 'temporal_tls';
const { adminUrl, directory, temporalAddress, temporalCli } = testEnvironment();

let frontend: TlsFrontend;
let databaseUrl: string;
let temporalNamespace: string;
let env: Record<string, string>;
beforeAll(async () => {
  const DATA_DIR = path.join(directory, NAME);
  await mkdir(DATA_DIR);
  [frontend, databaseUrl, temporalNamespace] = await Promise.all([
    startTlsFrontend(temporalAddress),
    createDatabase(adminUrl, NAME),
    createTemporalNamespace(temporalCli, temporalAddress, NAME),
  ]);
  const file = async (name: string, text: string) => {
    await writeFile(path.join(DATA_DIR, name), text);
    return path.join(DATA_DIR, name);
  };
  env = {
    ...{ DATA_DIR, GITLAB_DATABASE_URL: databaseUrl },
    ...{
      TEMPORAL_ADDRESS: frontend.address,
      TEMPORAL_NAMESPACE: temporalNamespace,
      TEMPORAL_API_KEY: 'a-secret-key',
    },
    TEMPORAL_TLS_SERVER_NAME: 'temporal.example',
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: await file('ca.pem', frontend.ca),
    TEMPORAL_TLS_CLIENT_CERT_PATH: await file('client.pem', frontend.clientCert),
    TEMPORAL_TLS_CLIENT_KEY_PATH: await file('client.key', frontend.clientKey),
  };
}, 60_000);
afterAll(() => frontend?.close());

test('a Temporal with TLS, a client certificate and an API key is used, given by the environment alone', async () => {
  const service = await startServiceProcess(env, ['--only', 'api,worker']);
  const { apiUrl } = service;
  const client = ServiceClient.for({
    ...{ apiUrl, databaseUrl },
    ...{ dataDir: env['DATA_DIR'] ?? '', temporalNamespace },
  });
  const id = await client.createNamespace();
  expect((await client.provision(id, fullSync(2), 1)).status).toBe(200);
  await client.close();
  expect(await service.stop()).toBe(0);
  expect(service.log() + service.progress()).not.toContain('a-secret-key');

  const paths = frontend.calls.map(({ headers }) => headers[':path']);
  expect(paths).toContain('/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution');
  for (const { client: name, headers } of frontend.calls) {
    expect([name, headers.authorization]).toEqual(['provisioner', 'Bearer a-secret-key']);
  }
}, 60_000);

test.each([
  ['trusts another authority', { TEMPORAL_TLS_SERVER_CA_CERT_PATH: '' }],
  ['expects another server', { TEMPORAL_TLS_SERVER_NAME: 'other.example' }],
  ['has no certificate', { TEMPORAL_TLS_CLIENT_CERT_PATH: '', TEMPORAL_TLS_CLIENT_KEY_PATH: '' }],
])('a service that %s does not start, and says where it wanted to connect', async (_what, changes) => {
  const start = startServiceProcess({ ...env, ...changes }, ['--only', 'worker']);
  await expect(start).rejects.toThrow(/TEMPORAL_ADDRESS: no Temporal answers at 127\.0\.0\.1:\d+/);
});
