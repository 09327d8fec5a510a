import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import path from 'node:path';
import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { importJWK, SignJWT, type CryptoKey, type JWK } from 'jose';
import { loadSigningKeys, type SigningKeys } from '../../../src/issuer/keys';
import { provisionPath } from '../../support/client';
import { sharedService } from '../../support/shared';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { Exposition } from '../../support/exposition';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import {
  claims,
  DISCOVERY,
  json,
  discoveryOf,
  keySet,
  KEYS,
  makeKey,
  sign,
  startPortal,
} from '../../unit/auth/portal';
import { JSON_TYPE, NOTHING_ASKED, send, TOKEN, type WireAnswer } from './support';

const client = sharedService();
let id: string;
let keys: SigningKeys;
beforeAll(async () => {
  id = await client.createNamespace();
  keys = await loadSigningKeys(client.service.dataDir);
});

const REFUSED = { status: 401, text: '{"message":"401 Unauthorized"}' };

function postWith(
  headers: Record<string, string | string[]>,
  apiUrl = client.service.apiUrl,
): Promise<WireAnswer> {
  const body = '{"provision":{}}';
  return send(apiUrl, { path: provisionPath(id), headers: { ...JSON_TYPE, ...headers }, body });
}

/** A token that the service accepts, but for the changes; undefined removes a claim. */
async function token(
  changes: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const [{ kid, privateKey }] = keys;
  return new SignJWT(claims(client.service.apiUrl, Date.now(), changes))
    .setProtectedHeader({ alg: 'RS256', kid, ...header })
    .sign(privateKey);
}

function unsigned(header: Record<string, unknown>): string {
  const parts = [{ kid: keys[0].kid, ...header }, claims(client.service.apiUrl, Date.now())];
  return parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
}

const seconds = () => Math.floor(Date.now() / 1000);

describe('a token is refused with 401 and nothing else when', () => {
  const cases: [string, () => string | string[] | Promise<string | string[]>][] = [
    ['it is empty', () => ''],
    ['it is garbage', () => 'garbage'],
    ['it is 9 kB of garbage', () => 'x'.repeat(9_000)],
    ['it has expired', () => token({ exp: seconds() - 31 })],
    ['it never expires', () => token({ exp: undefined })],
    ['it is not valid yet', () => token({ nbf: seconds() + 600 })],
    ['it was issued in the future', () => token({ iat: seconds() + 600 })],
    ['aud is another', () => token({ aud: 'gitlab' })],
    ['sub is another', () => token({ sub: 'somebody-else' })],
    ['iss is another', () => token({ iss: 'http://127.0.0.1:1' })],
    ['it is not signed', () => `${unsigned({ alg: 'none' })}.`],
    [
      'it is HS256 with the public key as the secret',
      () => {
        const input = unsigned({ alg: 'HS256' });
        const secret = JSON.stringify(keys[0].publicJwk);
        return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
      },
    ],
    ['its kid is one that the issuer does not have', () => token({}, { kid: `fresh-${seconds()}` })],
    ['it has no kid', () => token({}, { kid: undefined })],
    [
      'it was signed with another key under our kid',
      async () => {
        const stranger = await makeKey(keys[0].kid);
        return sign(stranger, claims(client.service.apiUrl, Date.now()));
      },
    ],
    ['its signature was cut', async () => (await token()).slice(0, -4)],
    ['it is written as a bearer token', async () => `Bearer ${await token()}`],
    ['it was sent twice', async () => [await token(), await token()]],
  ];
  test.each(cases)('%s', async (_name, make) => {
    const answer = await postWith({ [TOKEN]: await make() });
    expect(answer).toMatchObject(REFUSED);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
  });

  test('there is none', async () => {
    expect(await postWith({})).toMatchObject(REFUSED);
  });

  test.each([
    ['Authorization', 'Bearer '],
    ['Private-Token', ''],
    ['Job-Token', ''],
    ['X-Gitlab-Internal-Token', ''],
    ['Cookie', 'x-customers-dot-internal-token='],
  ])('it comes in the header %s', async (name, prefix) => {
    expect(await postWith({ [name]: prefix + (await token()) })).toMatchObject(REFUSED);
  });

  test('it comes in the query', async () => {
    const answer = await send(client.service.apiUrl, {
      path: `${provisionPath(id)}?${TOKEN}=${await token()}`,
      headers: JSON_TYPE,
      body: '{"provision":{}}',
    });
    expect(answer).toMatchObject(REFUSED);
  });
});

test('the same token without any change is accepted, in any case of the header name', async () => {
  expect(await postWith({ [TOKEN]: await token() })).toMatchObject({ status: 200, text: NOTHING_ASKED });
  expect(await postWith({ [TOKEN.toUpperCase()]: await token() })).toMatchObject({ status: 200 });
});

test('the portal publishes no private part of its keys', async () => {
  const { text } = await send(client.service.apiUrl, { method: 'GET', path: '/oauth/discovery/keys' });
  const { keys: published } = JSON.parse(text) as { keys: JWK[] };
  const members = ['alg', 'e', 'kid', 'kty', 'n', 'use'];
  expect(published.map((key) => Object.keys(key).sort())).toEqual([members, members]);
  expect(((await importJWK(published[0] as JWK, 'RS256')) as CryptoKey).type).toBe('public');
});

describe('with a portal of its own', () => {
  let portal: Awaited<ReturnType<typeof startPortal>>;
  let service: ServiceProcess;
  const before = makeKey('before');
  beforeAll(async () => {
    portal = await startPortal([await before]);
    const { compensate, directory, temporalAddress } = testEnvironment();
    const dataDir = path.join(directory, 'endpoint-tokens');
    await mkdir(dataDir);
    const environment = {
      DATA_DIR: dataDir,
      GITLAB_DATABASE_URL: compensate.databaseUrl,
      TEMPORAL_ADDRESS: temporalAddress,
      TEMPORAL_NAMESPACE: compensate.temporalNamespace,
      SUBSCRIPTION_PORTAL_URL: portal.url,
      PROVISION_WAIT_MS: '1500',
    };
    service = await startServiceProcess(environment, ['--only', 'api']);
  });
  afterAll(async () => {
    await service?.stop();
    await portal?.close();
  });

  const UNAVAILABLE = { status: 503, text: '{"message":"503 Service Unavailable"}' };
  const signed = async (key: ReturnType<typeof makeKey>) => sign(await key, claims(portal.url, Date.now()));

  /** What the log says of the last request with this status. */
  const lastLine = (status: number) =>
    eventually(
      async () =>
        service
          .log()
          .split('\n')
          .filter((line) => line.includes(`"status":${status},`))
          .map((line) => JSON.parse(line) as Record<string, unknown>)
          .at(-1),
      `a line of a request with ${status}`,
    );

  test('a portal that does not answer is 503, and a wait that is over', async () => {
    const good = portal.answers[DISCOVERY];
    const asked = new Promise<ServerResponse>((resolve) => (portal.answers[DISCOVERY] = resolve));
    expect(await postWith({ [TOKEN]: await signed(before) }, service.apiUrl)).toMatchObject(UNAVAILABLE);
    expect(await lastLine(503)).toMatchObject({ error_code: 'wait_over' });
    (await asked).destroy();
    portal.answers[DISCOVERY] = good ?? json(discoveryOf(portal.url));
  });

  test('not knowing its keys is 503 to try again, never 401, and is over as soon as the portal is back', async () => {
    const discovery = portal.answers[DISCOVERY];
    for (const broken of [json({}, 500), json({}, 404), json('not a document')]) {
      portal.answers[DISCOVERY] = broken;
      const answer = await postWith({ [TOKEN]: await signed(before) }, service.apiUrl);
      expect(answer).toMatchObject(UNAVAILABLE);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    portal.answers[DISCOVERY] = discovery ?? json(discoveryOf(portal.url));
    portal.answers[KEYS] = json({}, 502);
    expect(await postWith({ [TOKEN]: await signed(before) }, service.apiUrl)).toMatchObject(UNAVAILABLE);
    await eventually(
      async () => service.log().includes(`"reason":"${portal.url}${KEYS} answered 502"`),
      'the cause is logged',
    );
    expect(await lastLine(503)).toMatchObject({ error_code: 'portal_unavailable', severity: 'WARN' });
    portal.answers[KEYS] = keySet([await before]);
    expect(await postWith({ [TOKEN]: await signed(before) }, service.apiUrl)).toMatchObject({ status: 200 });
  });

  test('a key that is new there is accepted at once', async () => {
    const after = makeKey('after');
    expect(await postWith({ [TOKEN]: await signed(before) }, service.apiUrl)).toMatchObject({ status: 200 });
    portal.answers[KEYS] = keySet([await before, await after]);
    expect(await postWith({ [TOKEN]: await signed(after) }, service.apiUrl)).toMatchObject({ status: 200 });
  });

  test('each refusal is logged with its reason and kid, and counted; never with the token', async () => {
    const stranger = await makeKey('stranger');
    const refusals = async (reason: string) =>
      (await Exposition.of(service.apiUrl)).value('provisioner_token_refusals_total', { reason });
    const cases: [string, string | undefined, string | undefined][] = [
      ['no_token', undefined, undefined],
      ['malformed', 'garbage', undefined],
      ['expired', await sign(await before, claims(portal.url, Date.now(), { exp: 1 })), 'before'],
      ['not_valid_yet', await sign(await before, claims(portal.url, Date.now(), { nbf: 9e9 })), 'before'],
      ['wrong_audience', await sign(await before, claims(portal.url, Date.now(), { aud: 'x' })), 'before'],
      [
        'wrong_signature',
        await sign({ ...stranger, kid: 'before' }, claims(portal.url, Date.now())),
        'before',
      ],
    ];
    for (const [reason, token, kid] of cases) {
      expect(await refusals(reason)).toBe(0);
      expect((await postWith(token === undefined ? {} : { [TOKEN]: token }, service.apiUrl)).status).toBe(
        401,
      );
      const line = await eventually(async () => {
        const last = await lastLine(401);
        return last['reason'] === reason && last;
      }, `the reason ${reason} is logged`);
      expect({ error_code: line['error_code'], kid: line['kid'] }).toEqual({
        error_code: 'unauthorized',
        kid,
      });
      expect(await refusals(reason)).toBe(1);
      for (const part of token?.split('.') ?? []) expect(service.log()).not.toContain(part);
    }
  });

  test('a kid that was looked for is 401 until the next fetch; another one may be new: 503', async () => {
    const stranger = await makeKey('stranger');
    const forged = (kid: string) => sign({ ...stranger, kid }, claims(portal.url, Date.now()));
    const post = async (kid: string) => postWith({ [TOKEN]: await forged(kid) }, service.apiUrl);
    const kid = await eventually(async () => {
      const next = `made-up-${Date.now()}`;
      return (await post(next)).status === 401 && next;
    }, 'an unknown kid is looked for');
    const fetches = portal.count(KEYS);
    expect((await post(kid)).status).toBe(401);
    const answer = await post('another');
    expect(answer).toMatchObject(UNAVAILABLE);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(portal.count(KEYS)).toBe(fetches);
    await eventually(async () => service.log().includes('"kid":"another"'), 'the refusal is logged');
    expect(await lastLine(503)).toMatchObject({ error_code: 'key_unknown', kid: 'another' });
    expect(await lastLine(401)).toMatchObject({ reason: 'unknown_kid', kid });
  });

  test('the service does not issue tokens itself', async () => {
    for (const path of [DISCOVERY, '/oauth/discovery/keys']) {
      expect((await send(service.apiUrl, { method: 'GET', path })).status).toBe(404);
    }
  });
});
