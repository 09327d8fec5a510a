import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadSigningKeys } from '../../../src/issuer/keys';
import { signToken } from '../../../src/issuer/token';
import { Client as DatabaseConnection } from 'pg';
import { freePort } from '../../../src/local/ports';
import { judge } from '../../faults/support/oracle';
import { playNamespace, Sender, type SentSync } from '../../faults/support/load';
import { Random } from '../../faults/support/random';
import { startBalancer, type Balancer } from '../../support/balancer';
import { provisionPath, ServiceClient } from '../../support/client';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { fullSync } from '../../support/syncs';
import { CustomersDot } from '../cdot/support/cdot';
import { createTemporalNamespace } from '../../support/temporalServer';
import { createDatabase } from '../sections/support/ownService';
import { createLogin, migrateAndGrant } from './support/logins';

// Two APIs behind a balancer, two workers, CustomersDot's side: each a process, as they are deployed.
const NAME = 'processes';
const { adminUrl, directory, temporalAddress, temporalCli } = testEnvironment();

let env: Record<string, string>;
/** Of the databases, each with the rights of that part only. */
let urls: Record<'api' | 'worker' | 'cdot', string>;
let balancer: Balancer;
let cdot: CustomersDot;
/** CustomersDot's side issues the tokens: its address stays the same over restarts. */
let portalUrl: string;
let portal: ServiceProcess;
let client: ServiceClient;
let sender: Sender;
const apis: ServiceProcess[] = [];
const workers: ServiceProcess[] = [];
let locker: DatabaseConnection | undefined;

async function start(part: 'api' | 'worker'): Promise<ServiceProcess> {
  const service = await startServiceProcess({ ...env, GITLAB_DATABASE_URL: urls[part] }, ['--only', part]);
  if (part === 'api') await takeIn(service.apiUrl);
  (part === 'api' ? apis : workers).push(service);
  return service;
}

async function startCustomersDot(): Promise<void> {
  portal = await cdot.start({
    ...{ CUSTOMERS_DOT_PORT: new URL(portalUrl).port, SUBSCRIPTION_PORTAL_URL: portalUrl },
    ...{ PROVISION_API_URL: balancer.url, CUSTOMERS_DOT_DATABASE_URL: urls.cdot },
  });
}

async function takeIn(url: string): Promise<void> {
  balancer.add(url);
  await eventually(async () => balancer.isReady(url), 'the balancer sees the API');
}

/** Stops the oldest of its kind as a deployment does, and starts another. @returns the exit code */
async function replace(part: 'api' | 'worker'): Promise<number | null> {
  const old = (part === 'api' ? apis : workers).shift();
  const code = await old?.stop('SIGTERM');
  if (part === 'api') balancer.remove(old?.apiUrl ?? '');
  await start(part);
  return code ?? null;
}

beforeAll(async () => {
  const DATA_DIR = path.join(directory, NAME);
  const [databaseUrl, port, temporalNamespace] = await Promise.all([
    createDatabase(adminUrl, NAME),
    freePort(0, '127.0.0.1'),
    createTemporalNamespace(temporalCli, temporalAddress, NAME),
    mkdir(DATA_DIR),
  ]);
  portalUrl = `http://127.0.0.1:${port}`;
  env = {
    ...{ DATA_DIR, SUBSCRIPTION_PORTAL_URL: portalUrl },
    ...{ TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE: temporalNamespace },
    ...{ SHUTDOWN_DELAY_MS: '1000', LOG_LEVEL: 'warn' },
  };
  balancer = await startBalancer();
  cdot = await CustomersDot.create(`${NAME}_cdot`);
  await migrateAndGrant(databaseUrl, 'GITLAB_DATABASE_URL');
  await migrateAndGrant(cdot.databaseUrl, 'CUSTOMERS_DOT_DATABASE_URL');
  urls = {
    api: await createLogin(databaseUrl, 'provisioner_reader', `${NAME}_api`),
    worker: await createLogin(databaseUrl, 'provisioner_worker', `${NAME}_worker`),
    cdot: await createLogin(cdot.databaseUrl, 'provisioner_customers_dot', `${NAME}_cdot`),
  };
  await Promise.all([startCustomersDot(), start('api'), start('api'), start('worker'), start('worker')]);
  const { dataDir } = cdot;
  const service = { apiUrl: balancer.url, databaseUrl, dataDir, temporalNamespace };
  client = ServiceClient.for(service);
  const recipient = { apiUrl: balancer.url, apiDataDir: dataDir };
  sender = await Sender.to(recipient, portalUrl, new Random(1));
}, 120_000);
afterAll(async () => {
  await locker?.end();
  await Promise.all([...apis, ...workers].map((service) => service.stop()));
  await cdot.close();
  await balancer.close();
  await client.close();
}, 60_000);

test('a worker of its own serves its health and its metrics', async () => {
  const url = workers[0]?.workerUrl;
  const [live, ready, metrics] = await Promise.all(
    ['liveness', 'readiness', 'metrics'].map((name) => fetch(`${url}/-/${name}`)),
  );
  expect([live?.status, ready?.status, metrics?.status]).toEqual([200, 200, 200]);
  expect(await ready?.json()).toEqual({
    status: 'ok',
    checks: { gitlab_database: 'ok', gitlab_schema: 'ok', temporal: 'ok', worker: 'ok' },
  });
  expect(await metrics?.text()).toContain('provisioner_compensations_total');
});

describe('under load', () => {
  test('a worker is killed and every part is restarted in turn: no sync is lost, nothing is half done', async () => {
    const namespaceIds = await Promise.all(Array.from({ length: 7 }, () => client.createNamespace()));
    const [direct, recorded] = [namespaceIds.slice(0, 4), namespaceIds.slice(4)];
    const sent: SentSync[] = [];
    const seats = new Map<string, number>();
    let isOver = false;
    const load = Promise.all([
      ...direct.map(async (id, index) => {
        const random = new Random(index + 1);
        for (let first = 1; !isOver; first += 6) {
          sent.push(...(await playNamespace(sender, id, first, 3, random)));
          await sleep(100); // the processes that start want the machine, too
        }
      }),
      ...recorded.map(async (id) => {
        for (let next = 1; !isOver; next += 1) {
          seats.set(id, next);
          await cdot.record(id, fullSync(next));
          await sleep(200);
        }
      }),
    ]).finally(() => (isOver = true));

    const restarts = (async () => {
      await eventually(async () => sent.length > 10, 'syncs are being answered');
      await workers.shift()?.stop('SIGKILL');
      await start('worker');
      const codes = [
        await replace('api'),
        await replace('api'),
        await replace('worker'),
        await replace('worker'),
      ];
      codes.push(await portal.stop('SIGTERM'));
      await startCustomersDot();
      isOver = true;
      return codes;
    })();
    const [codes] = await Promise.all([restarts, load]);
    expect(codes).toEqual([0, 0, 0, 0, 0]);

    for (const status of Object.keys(balancer.answered))
      expect(['200', '409', '422', '503']).toContain(status);
    expect(await judge(client.service.databaseUrl, sent)).toEqual([]);
    for (const id of recorded) {
      expect((await cdot.settled(id, 30_000)).at(-1)).toMatchObject({ state: 'completed' });
      for (const attempt of await cdot.attempts(id)) {
        const isInterrupted = attempt.message?.startsWith('Interrupted: the worker was stopped') ?? false;
        expect([200, 409, 503, ...(isInterrupted ? [null] : [])]).toContain(attempt.http_status);
      }
      const { gitlab_subscriptions, namespace_limits } = await client.snapshot(id);
      const last = seats.get(id) ?? 0;
      expect([gitlab_subscriptions, namespace_limits]).toMatchObject([
        [{ seats: last }],
        [{ additional_purchased_storage_size: String(last * 1024) }],
      ]);
    }
  }, 120_000);

  test('a request that comes while no worker runs just waits for one', async () => {
    const id = await client.createNamespace();
    expect(await Promise.all(workers.splice(0).map((worker) => worker.stop()))).toEqual([0, 0]);
    const waiting = sender.send(id, 1, true);
    await start('worker');
    expect(await waiting).toMatchObject({ status: 200, tries: 1 });
  }, 60_000);
});

test('an API that is to stop says so, takes requests a little longer, and finishes those that run', async () => {
  const [slow, quick] = [await client.createNamespace(), await client.createNamespace()];
  const api = apis.shift() as ServiceProcess;
  const headers = {
    'x-customers-dot-internal-token': await signToken(await loadSigningKeys(cdot.dataDir), {
      issuer: portalUrl,
    }),
    'content-type': 'application/json',
  };
  const post = (id: string) =>
    fetch(api.apiUrl + provisionPath(id), {
      ...{ method: 'POST', headers },
      body: JSON.stringify({ sync_id: 1, provision: fullSync(1) }),
    });
  locker = new DatabaseConnection({ connectionString: client.service.databaseUrl });
  await locker.connect();
  await locker.query('BEGIN');
  await locker.query('SELECT FROM namespaces WHERE id = $1 FOR UPDATE', [slow]);
  const running = post(slow);
  await eventually(async () => {
    const [row] = await client.rows<{ waiting: string }>(
      `SELECT count(*) AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return row?.waiting === '1';
  }, 'a step waits for the lock');

  const ended = api.stop('SIGTERM');
  const notReady = await eventually(async () => {
    const answer = await fetch(`${api.apiUrl}/-/readiness`);
    return answer.status === 503 && answer;
  }, 'it is not ready any more');
  expect(await notReady.json()).toEqual({ status: 'stopping' });
  const late = await post(quick);
  expect([late.status, late.headers.get('connection')]).toEqual([200, 'close']);
  await eventually(
    () =>
      fetch(api.apiUrl).then(
        () => false,
        () => true,
      ),
    'it takes no more requests',
  );
  await locker.end();
  const answer = await running;
  expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
  expect(await ended).toBe(0);
}, 60_000);
