import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHmac } from 'node:crypto';
import { CompactEncrypt, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { createTokenVerifier, type VerifyToken } from '../../../src/api/auth/verifyToken';
import {
  claims,
  discoveryOf,
  json,
  keySet,
  makeKey,
  sign,
  startPortal,
  DISCOVERY,
  KEYS,
  type ScriptedPortal,
  type TestKey,
} from './portal';

const NOW = Date.parse('2026-02-13T10:00:00Z');
const SECONDS = NOW / 1000;

let key: TestKey;
let stranger: TestKey;
let portal: ScriptedPortal;
let verify: VerifyToken;

beforeAll(async () => {
  [key, stranger] = await Promise.all([makeKey('current'), makeKey('current')]);
  portal = await startPortal([key]);
});
afterAll(() => portal.close());
beforeEach(() => {
  portal.answers[DISCOVERY] = json(discoveryOf(portal.url));
  portal.answers[KEYS] = keySet([key]);
  verify = createTokenVerifier({ portalUrl: portal.url, now: () => NOW });
});

function token(overrides: Record<string, unknown> = {}, header: object = {}): Promise<string> {
  return sign(key, claims(portal.url, NOW, overrides), header);
}

function unsigned(header: object): string {
  const parts = [header, claims(portal.url, NOW)].map((part) => base64url(JSON.stringify(part)));
  return parts.join('.');
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

const refused = { code: 'unauthorized' };

describe('a token is accepted when', () => {
  it.each([
    ['all claims are as agreed', {}],
    ['aud is a list that contains ours', { aud: ['other', 'gitlab-subscriptions'] }],
    ['nbf is this second', { nbf: SECONDS }],
    ['nbf is 30 s ahead', { nbf: SECONDS + 30 }],
    ['iat is 30 s ahead', { iat: SECONDS + 30 }],
    ['iat is a year ago', { iat: SECONDS - 365 * 24 * 3600 }],
    ['exp is a second ahead', { exp: SECONDS + 1 }],
    ['exp was 29 s ago', { exp: SECONDS - 29 }],
    ['it has no iat', { iat: undefined }],
    ['it has claims nobody knows', { extra: { a: 1 } }],
  ])('%s', async (_rule, overrides) => {
    await expect(verify(await token(overrides))).resolves.toBeUndefined();
  });

  it('the portal URL ends with a slash', async () => {
    const withSlash = createTokenVerifier({ portalUrl: `${portal.url}/`, now: () => NOW });
    await expect(withSlash(await token())).resolves.toBeUndefined();
  });

  it('the issuer of the discovery document differs from the portal URL, and iss equals it', async () => {
    portal.answers[DISCOVERY] = json({ ...discoveryOf(portal.url), issuer: 'https://customers.example' });
    await expect(verify(await token({ iss: 'https://customers.example' }))).resolves.toBeUndefined();
    await expect(verify(await token())).rejects.toMatchObject(refused);
  });

  it('the key set lists its kid twice, whichever of the two keys signed', async () => {
    for (const keys of [
      [stranger, key],
      [key, stranger],
      [key, key],
    ]) {
      portal.answers[KEYS] = keySet(keys);
      const fresh = createTokenVerifier({ portalUrl: portal.url, now: () => NOW });
      await expect(fresh(await token())).resolves.toBeUndefined();
      await expect(fresh(await token({ exp: SECONDS - 30 }))).rejects.toMatchObject(refused);
    }
  });

  it('the key set has keys of other kinds besides', async () => {
    const ec = { kty: 'EC', crv: 'P-256', kid: 'ec', x: 'AA', y: 'AA' };
    portal.answers[KEYS] = json({ keys: [ec, key.publicJwk, { kty: 'future' }] });
    await expect(verify(await token())).resolves.toBeUndefined();
  });
});

describe('a token is refused when', () => {
  it.each([
    ['iss is missing', { iss: undefined }, 'wrong_issuer'],
    ['iss is another', { iss: 'https://evil.example' }, 'wrong_issuer'],
    ['iss is a list', { iss: ['https://evil.example'] }, 'wrong_issuer'],
    ['sub is missing', { sub: undefined }, 'wrong_subject'],
    ['sub is another', { sub: 'customers-dot' }, 'wrong_subject'],
    ['aud is missing', { aud: undefined }, 'wrong_audience'],
    ['aud is another', { aud: 'gitlab' }, 'wrong_audience'],
    ['aud is a list without ours', { aud: ['gitlab', 'gitlab-subscriptions-2'] }, 'wrong_audience'],
    ['aud is an empty list', { aud: [] }, 'wrong_audience'],
    ['exp is missing', { exp: undefined }, 'wrong_times'],
    ['exp is null', { exp: null }, 'wrong_times'],
    ['exp is text', { exp: '9999999999' }, 'wrong_times'],
    ['exp was 30 s ago', { exp: SECONDS - 30 }, 'expired'],
    ['exp has passed', { exp: SECONDS - 60 }, 'expired'],
    ['nbf is 31 s ahead', { nbf: SECONDS + 31 }, 'not_valid_yet'],
    ['nbf is text', { nbf: 'now' }, 'wrong_times'],
    ['iat is 31 s ahead', { iat: SECONDS + 31 }, 'not_valid_yet'],
    ['iat is far in the future', { iat: SECONDS * 2, exp: SECONDS * 3 }, 'not_valid_yet'],
    ['iat is text', { iat: 'now' }, 'wrong_times'],
  ])('%s', async (_rule, overrides, reason) => {
    await expect(verify(await token(overrides))).rejects.toMatchObject({
      ...refused,
      why: { reason, kid: 'current' },
    });
  });

  it('another key signed it under a kid that the portal has', async () => {
    const forged = await sign(stranger, claims(portal.url, NOW));
    await expect(verify(forged)).rejects.toMatchObject({ ...refused, why: { reason: 'wrong_signature' } });
  });

  it('it brings its own key in the header', async () => {
    const forged = await sign(stranger, claims(portal.url, NOW), { jwk: stranger.publicJwk });
    await expect(verify(forged)).rejects.toMatchObject(refused);
  });

  it('its claims were changed after signing', async () => {
    const [header, , signature] = (await token()).split('.');
    const changed = base64url(JSON.stringify(claims(portal.url, NOW, { exp: SECONDS + 9e6 })));
    await expect(verify(`${header}.${changed}.${signature}`)).rejects.toMatchObject(refused);
  });

  it('it names a critical header that nobody knows', async () => {
    const options = { crit: { future: true } };
    const critical = await new SignJWT(claims(portal.url, NOW))
      .setProtectedHeader({ alg: 'RS256', kid: key.kid, crit: ['future'], future: 1 })
      .sign(key.privateKey, options);
    await expect(verify(critical)).rejects.toMatchObject({ ...refused, why: { reason: 'malformed' } });
  });

  it('the portal does not list RS256 among its algorithms', async () => {
    portal.answers[DISCOVERY] = json({
      ...discoveryOf(portal.url),
      id_token_signing_alg_values_supported: ['ES256'],
    });
    await expect(verify(await token())).rejects.toMatchObject(refused);
  });

  it.each([
    ['is meant for encryption', { use: 'enc' }],
    ['is meant for another algorithm', { alg: 'RS512' }],
    ['is broken', { n: 'AAAA' }],
  ])('the key of its kid %s', async (_rule, change) => {
    portal.answers[KEYS] = json({ keys: [{ ...key.publicJwk, ...change }] });
    await expect(verify(await token())).rejects.toMatchObject({
      ...refused,
      why: { reason: 'unusable_key' },
    });
  });

  it('the key set is empty', async () => {
    portal.answers[KEYS] = json({ keys: [] });
    await expect(verify(await token())).rejects.toMatchObject({ ...refused, why: { reason: 'unknown_kid' } });
  });
});

describe('a token is refused without asking the portal when', () => {
  const hs256 = (secret: string): string => {
    const input = unsigned({ alg: 'HS256', kid: 'current' });
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  };
  const cases: [string, () => string | undefined | Promise<string>][] = [
    ['there is none', () => undefined],
    ['it is empty', () => ''],
    ['it is garbage', () => 'garbage'],
    ['it is three dots of nothing', () => '..'],
    ['its parts are not JSON', () => 'abc.def.ghi'],
    ['its claims are not an object', () => `${base64url('{"alg":"RS256","kid":"a"}')}.${base64url('[]')}.eA`],
    ['it has a prefix', async () => `Bearer ${await token()}`],
    ['it ends with a line break', async () => `${await token()}\n`],
    ['the header was sent twice', async () => `${await token()}, ${await token()}`],
    ['it has no kid', () => token({}, { kid: undefined })],
    ['its kid is empty', () => token({}, { kid: '' })],
    ['its kid is a number', () => `${unsigned({ alg: 'RS256', kid: 1 })}.eA`],
    ['its algorithm is none', () => `${unsigned({ alg: 'none', kid: 'current' })}.`],
    ['its algorithm is none and it has a signature', () => `${unsigned({ alg: 'none', kid: 'current' })}.eA`],
    ['it is HS256 with the public key as the secret', async () => hs256(await exportSPKI(key.publicKey))],
    ['it is over 8 kB', () => token({ filler: 'x'.repeat(8192) })],
    ['its algorithm is RS512', () => `${unsigned({ alg: 'RS512', kid: 'current' })}.eA`],
    [
      'it is encrypted',
      async () => {
        const { publicKey } = await generateKeyPair('RSA-OAEP');
        return new CompactEncrypt(Buffer.from('{}'))
          .setProtectedHeader({ alg: 'RSA-OAEP', enc: 'A128GCM', kid: 'current' })
          .encrypt(publicKey);
      },
    ],
  ];

  it.each(cases)('%s', async (_rule, make) => {
    const bad = await make();
    const before = portal.count(DISCOVERY);
    await expect(verify(bad)).rejects.toMatchObject(refused);
    expect(portal.count(DISCOVERY)).toBe(before);
  });
});

it('a refusal holds no part of the token', async () => {
  const secret = await token({ sub: 'somebody-else', note: 'claim-content' });
  const error = await verify(secret).catch((thrown: unknown) => thrown as Error);
  const logged = JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error);
  for (const part of [...secret.split('.'), 'claim-content']) expect(logged).not.toContain(part);
  expect(error).not.toHaveProperty('cause');
});
