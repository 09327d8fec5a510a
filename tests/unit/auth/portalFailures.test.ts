import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import type { HttpProblem } from '../../../src/api/problems';
import { createTokenVerifier, type VerifyToken } from '../../../src/api/auth/verifyToken';
import {
  claims,
  discoveryOf,
  json,
  makeKey,
  sign,
  startPortal,
  DISCOVERY,
  KEYS,
  type Answer,
  type ScriptedPortal,
  type TestKey,
} from './portal';

const TIMEOUT_MS = 200;
const HUGE = JSON.stringify({ keys: [], filler: 'x'.repeat(1024 * 1024) });

let key: TestKey;
let portal: ScriptedPortal;
let verify: VerifyToken;
let token: string;

beforeAll(async () => {
  key = await makeKey('current');
});
beforeEach(async () => {
  portal = await startPortal([key]);
  verify = createTokenVerifier({ portalUrl: portal.url, timeoutMs: TIMEOUT_MS });
  token = await sign(key, claims(portal.url, Date.now()));
});
afterEach(() => portal.close());

const text =
  (body: string | Buffer, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(200, headers).end(body);
  };

/** Another status makes the right document no better. */
const documentWith =
  (status: number): Answer =>
  (response, request) =>
    json({ ...discoveryOf(portal.url), keys: [key.publicJwk] }, status)(response, request);

const failures: [string, Answer][] = [
  ['answers 500', documentWith(500)],
  ['answers 404', documentWith(404)],
  ['answers 401', documentWith(401)],
  ['answers 304', (response) => response.writeHead(304).end()],
  ['answers 204', (response) => response.writeHead(204).end()],
  ['redirects', (response) => response.writeHead(302, { location: '/elsewhere' }).end()],
  ['never answers', () => {}],
  ['hangs in mid-body', (response) => response.writeHead(200).write('{"issuer":')],
  ['hangs up at once', (response) => response.destroy()],
  ['hangs up in mid-body', (response) => response.writeHead(200).write('{', () => response.destroy())],
  ['does not answer with JSON', text('<html>')],
  ['answers with nothing', text('')],
  ['answers with null', json(null)],
  ['answers with a list', json([])],
  ['answers with an object of another shape', json({ keys: 'none', issuer: 1 })],
  ['answers with more than 1 MiB', text(HUGE)],
  ['answers with more than 1 MiB, compressed', text(gzipSync(HUGE), { 'content-encoding': 'gzip' })],
];

describe.each([
  ['discovery', DISCOVERY],
  ['the key set', KEYS],
])('503 when %s', (_document, path) => {
  it.each(failures)('%s', async (_failure, answer) => {
    portal.answers['/elsewhere'] = portal.answers[path]!;
    portal.answers[path] = answer;
    const begun = Date.now();
    await expect(verify(token)).rejects.toMatchObject({ code: 'portal_unavailable' });
    expect(Date.now() - begun).toBeLessThan(TIMEOUT_MS + 1500);
    expect(portal.count('/elsewhere')).toBe(0);
  });
});

describe('503 when', () => {
  it('nobody listens at the portal', async () => {
    await portal.close();
    await expect(verify(token)).rejects.toMatchObject({ code: 'portal_unavailable' });
  });

  it.each([
    ['issuer', undefined],
    ['issuer', ''],
    ['jwks_uri', undefined],
    ['jwks_uri', 'keys'],
    ['jwks_uri', 'data:application/json,{"keys":[]}'],
    ['id_token_signing_alg_values_supported', undefined],
    ['id_token_signing_alg_values_supported', 'RS256'],
  ])('discovery has %s = %j', async (field, value) => {
    portal.answers[DISCOVERY] = json({ ...discoveryOf(portal.url), [field]: value });
    await expect(verify(token)).rejects.toMatchObject({ code: 'portal_unavailable' });
  });

  it('a portal on https points to keys on http', async () => {
    const document = { ...discoveryOf('https://portal.example'), jwks_uri: 'http://portal.example/keys' };
    const asked: unknown[] = [];
    const fetch = (async (url: unknown) => {
      asked.push(url);
      return Response.json(document);
    }) as typeof globalThis.fetch;
    const overTls = createTokenVerifier({ portalUrl: 'https://portal.example', fetch });
    await expect(overTls(token)).rejects.toMatchObject({ code: 'portal_unavailable' });
    expect(asked).toEqual(['https://portal.example/.well-known/openid-configuration']);
  });

  it.each([[{ keys: {} }], [{ keys: null }], [{}], [[]], [null]])('the key set is %j', async (document) => {
    portal.answers[KEYS] = json(document);
    await expect(verify(token)).rejects.toMatchObject({ code: 'portal_unavailable' });
  });
});

describe('what a list holds besides is ignored, as RFC 7517 section 5 says:', () => {
  const ODD = [null, 5, 'key', [], {}, { kid: 'no type' }, { kty: 5, kid: 'x' }, { kty: 'RSA', kid: 5 }];
  const ODDER = [
    { kty: 'RSA', kid: 'current', alg: 5 },
    { kty: 'RSA', kid: 'current', use: {} },
    { kty: 'RSA', kid: 'current' },
    { kty: 'future', kid: 'current' },
    { kty: 'RSA', kid: null, n: 1, e: 2 },
  ];

  it.each([...ODD, ...ODDER].map((entry) => [entry]))('%j beside a key', async (entry) => {
    portal.answers[KEYS] = json({ keys: [entry, key.publicJwk, entry] });
    await expect(verify(token)).resolves.toBeUndefined();
  });

  it.each([...ODD].map((entry) => [entry]))('a set of %j alone has no key: 401', async (entry) => {
    portal.answers[KEYS] = json({ keys: [entry] });
    await expect(verify(token)).rejects.toMatchObject({ why: { reason: 'unknown_kid', kid: 'current' } });
  });

  it('odd algorithms in discovery beside ours', async () => {
    const list = [null, 5, {}, ['RS256'], 'future', 'RS256'];
    const document = { ...discoveryOf(portal.url), id_token_signing_alg_values_supported: list };
    portal.answers[DISCOVERY] = json(document);
    await expect(verify(token)).resolves.toBeUndefined();
    portal.answers[DISCOVERY] = json({
      ...document,
      id_token_signing_alg_values_supported: [['RS256'], null],
    });
    const fresh = createTokenVerifier({ portalUrl: portal.url });
    await expect(fresh(token)).rejects.toMatchObject({ why: { reason: 'wrong_algorithm' } });
  });
});

describe('a failure says what could not be had and why', () => {
  const failureOf = (verifyWith: VerifyToken) =>
    verifyWith(token).catch((error: HttpProblem) => error) as Promise<HttpProblem>;

  it.each<[string, () => void, RegExp]>([
    ['a status', () => (portal.answers[DISCOVERY] = json({}, 502)), /openid-configuration answered 502$/],
    ['no JSON', () => (portal.answers[KEYS] = text('<html>')), /\/keys did not answer with JSON$/],
    ['no answer', () => (portal.answers[KEYS] = () => {}), /\/keys gave no answer within 200 ms$/],
    [
      'a closed connection',
      () => (portal.answers[KEYS] = (res) => res.destroy()),
      /\/keys cannot be reached: \S/,
    ],
  ])('%s', async (_what, spoil, reason) => {
    spoil();
    expect((await failureOf(verify)).why.reason).toMatch(reason);
  });

  it('never with user and password of the URL', async () => {
    const { port } = new URL(portal.url);
    for (const url of [`http://user:se@cret@127.0.0.1:${port}`, 'http://user:secret@127.0.0.1:1']) {
      const error = await failureOf(createTokenVerifier({ portalUrl: url }));
      expect(error.why.reason).toMatch(
        /^http:\/\/127\.0\.0\.1:\d+\/\.well-known\/openid-configuration cannot be reached: /,
      );
      expect(error.message).not.toMatch(/user|cret/);
    }
  });
});
