import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ServiceClient } from '../../support/client';
import { testEnvironment } from '../../support/environment';
import { Exposition } from '../../support/exposition';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { fullSync } from '../../support/syncs';

const { compensate, temporalAddress, directory } = testEnvironment();

/** An API beside the shared service, on the same database and Temporal namespace. */
let service: ServiceProcess;
let client: ServiceClient;
beforeAll(async () => {
  const dataDir = path.join(directory, 'admin_port');
  await mkdir(dataDir);
  service = await startServiceProcess(
    {
      ...{ DATA_DIR: dataDir, GITLAB_DATABASE_URL: compensate.databaseUrl, ADMIN_PORT: '0' },
      ...{ TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE: compensate.temporalNamespace },
      ...{ AUDIT_USER: 'auditor', AUDIT_PASSWORD: 'secret' },
    },
    ['--only', 'api'],
  );
  client = ServiceClient.for({ ...compensate, apiUrl: service.apiUrl, dataDir });
});
afterAll(async () => {
  await client?.close();
  await service?.stop();
});

const OPENAPI = '/api/v4/internal/openapi.json';
const HEALTH = ['/-/readiness', '/-/metrics'];
const AUDIT = ['/namespaces', '/-/audit.css'];
const authorization = `Basic ${Buffer.from('auditor:secret').toString('base64')}`;

const statuses = (url: string, paths: string[]) =>
  Promise.all(paths.map(async (name) => (await fetch(url + name, { headers: { authorization } })).status));

test('PORT serves the endpoint, its description, liveness and the keys of the local issuer, and nothing else', async () => {
  const id = await client.createNamespace();
  expect((await client.provision(id, fullSync(1), 1)).status).toBe(200);
  const own = [OPENAPI, '/-/liveness', '/.well-known/openid-configuration', '/oauth/discovery/keys'];
  expect(await statuses(service.apiUrl, own)).toEqual([200, 200, 200, 200]);
  expect(await statuses(service.apiUrl, [...HEALTH, ...AUDIT])).toEqual([404, 404, 404, 404]);
});

test('ADMIN_PORT serves health, metrics and the audit pages, and not the endpoint', async () => {
  expect(service.adminUrl).not.toBe('');
  expect(await statuses(service.adminUrl, ['/-/liveness', ...HEALTH, ...AUDIT])).toEqual(
    Array.from({ length: 5 }, () => 200),
  );
  expect((await fetch(`${service.adminUrl}/namespaces`)).status).toBe(401);
  const outside = [OPENAPI, '/.well-known/openid-configuration', '/oauth/discovery/keys'];
  expect(await statuses(service.adminUrl, outside)).toEqual([404, 404, 404]);
  const elsewhere = ServiceClient.for({ ...client.service, apiUrl: service.adminUrl });
  expect((await elsewhere.provision(await client.createNamespace(), fullSync(1), 1)).status).toBe(404);
  await elsewhere.close();
});

test('the metrics on ADMIN_PORT count the requests of PORT', async () => {
  const syncs = async () =>
    (await Exposition.of(service.adminUrl)).value('provisioner_syncs_total', { outcome: 'success' }) ?? NaN;
  const before = await syncs();
  expect((await client.provision(await client.createNamespace(), fullSync(1), 1)).status).toBe(200);
  expect((await syncs()) - before).toBe(1);
});

test('without ADMIN_PORT everything is on PORT', async () => {
  const own = [OPENAPI, '/-/liveness', ...HEALTH];
  expect(await statuses(compensate.apiUrl, own)).toEqual([200, 200, 200, 200]);
});
