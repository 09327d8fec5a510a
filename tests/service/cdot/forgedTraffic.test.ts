import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { rotateSigningKeys } from '../../../src/issuer/rotate';
import { freePort } from '../../../src/local/ports';
import { provisionPath } from '../../support/client';
import { sharedService } from '../../support/shared';
import { testEnvironment } from '../../support/environment';
import { Exposition } from '../../support/exposition';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { claims, makeKey, sign } from '../../unit/auth/portal';
import { attrs, CustomersDot } from './support/cdot';

const gitlab = sharedService();
let cdot: CustomersDot;
let api: ServiceProcess;
let portal: string;

/** CustomersDot's side is the portal of an API elsewhere, which gets the keys over HTTP only. */
beforeAll(async () => {
  cdot = await CustomersDot.create('cdot_forged_traffic');
  const port = await freePort(0, '127.0.0.1');
  portal = `http://127.0.0.1:${port}`;
  const { compensate, directory, temporalAddress } = testEnvironment();
  const dataDir = path.join(directory, 'forged-traffic-api');
  await mkdir(dataDir);
  api = await startServiceProcess(
    {
      DATA_DIR: dataDir,
      GITLAB_DATABASE_URL: compensate.databaseUrl,
      TEMPORAL_ADDRESS: temporalAddress,
      TEMPORAL_NAMESPACE: compensate.temporalNamespace,
      SUBSCRIPTION_PORTAL_URL: portal,
    },
    ['--only', 'api'],
  );
  await cdot.start({
    SUBSCRIPTION_PORTAL_URL: portal,
    CUSTOMERS_DOT_PORT: String(port),
    PROVISION_API_URL: api.apiUrl,
  });
});
afterAll(async () => {
  await cdot.close();
  await api?.stop();
});

const keySetFetches = async () =>
  (await Exposition.of(portal)).value('provisioner_http_requests_total', {
    route: '/oauth/discovery/keys',
  }) ?? 0;

test('1,000 forged tokens and three rotations at once: few fetches, and not one sync is lost', async () => {
  const stranger = await makeKey('stranger');
  const forged: number[] = [];
  const forge = async (kid: string) => {
    const answer = await fetch(api.apiUrl + provisionPath('1'), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-customers-dot-internal-token': await sign({ ...stranger, kid }, claims(portal, Date.now())),
      },
      body: '{"provision":{}}',
    });
    await answer.arrayBuffer();
    forged.push(answer.status);
  };
  let isOver = false;
  const flood = Promise.all(
    [1, 2, 3, 4].map(async (source) => {
      for (let index = 0; !isOver || forged.length < 1_000; index++) {
        await forge(`forged-${source}-${index}`);
        await sleep(5);
      }
    }),
  );

  const namespaces = await Promise.all(Array.from({ length: 5 }, () => gitlab.createNamespace()));
  const begun = Date.now();
  let recorded = 0;
  for (let rotation = 1; rotation <= 3; rotation++) {
    await Promise.all(namespaces.map((namespace) => cdot.record(namespace, attrs(++recorded))));
    for (const namespace of namespaces) await cdot.settled(namespace);
    // Twice at once: the key that signs then was published a moment ago, and no API knows it.
    await rotateSigningKeys(cdot.dataDir, () => begun + 200_000 * rotation);
    await rotateSigningKeys(cdot.dataDir, () => begun + 200_000 * rotation + 100_000);
    await Promise.all(namespaces.map((namespace) => cdot.record(namespace, attrs(++recorded))));
    for (const namespace of namespaces) await cdot.settled(namespace, 30_000);
  }
  isOver = true;
  await flood;

  for (const namespace of namespaces) {
    const syncs = await cdot.syncs(namespace);
    expect(syncs.map(({ attempts }) => attempts.at(-1)?.state)).toEqual(Array(6).fill('completed'));
    // What a rotation met was answered 503, never 401.
    const failures = syncs.flatMap(({ attempts }) => attempts).filter(({ state }) => state === 'failed');
    expect(failures.filter(({ http_status }) => http_status !== 503)).toEqual([]);
  }
  expect(forged.length).toBeGreaterThanOrEqual(1_000);
  expect(new Set(forged)).toEqual(new Set([401, 503]));
  const seconds = (Date.now() - begun) / 1_000;
  expect(await keySetFetches()).toBeLessThanOrEqual(2 + seconds);
}, 180_000);
