import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  calculateJwkThumbprint,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  importJWK,
  jwtVerify,
} from 'jose';
import { createTokenVerifier } from '../../../src/api/auth/verifyToken';
import { loadSigningKeys, signingSince, type SigningKeys } from '../../../src/issuer/keys';
import { rotateSigningKeys } from '../../../src/issuer/rotate';
import { createIssuerRouter } from '../../../src/issuer/router';
import { signToken } from '../../../src/issuer/token';
import { closeServer, listen } from './portal';

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

let dataDir: string;
let file: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'issuer-'));
  file = join(dataDir, 'oidc', 'signing-keys.json');
});
afterEach(() => rm(dataDir, { recursive: true }));

const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

async function privateJwk(): Promise<Record<string, unknown>> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)) };
}

describe('the signing keys', () => {
  it('are two from the first start: the one that signs, and the one of the first rotation', async () => {
    const [signing, next] = await loadSigningKeys(dataDir);
    expect(await rotateSigningKeys(dataDir)).toMatchObject({ kid: next?.kid, retiredKid: signing.kid });
    const [now, afterwards, retired] = await loadSigningKeys(dataDir);
    expect([now.kid, retired?.kid]).toEqual([next?.kid, signing.kid]);
    expect([signing.kid, next?.kid]).not.toContain(afterwards?.kid);
  });
});

describe('the signing key', () => {
  it('has signed since its file was made, or since the last rotation', async () => {
    await loadSigningKeys(dataDir);
    await utimes(file, 1_700_000_000, 1_700_000_000);
    expect(await signingSince(dataDir)).toBe(1_700_000_000_000);
    await rotateSigningKeys(dataDir, () => 1_800_000_000_000);
    expect(await signingSince(dataDir)).toBe(1_800_000_000_000);
  });

  it('is RSA 2048 with its thumbprint as kid, and public without any private member', async () => {
    const [key] = await loadSigningKeys(dataDir);
    expect(key.kid).toBe(await calculateJwkThumbprint(key.publicJwk));
    expect(key.publicJwk).toMatchObject({ kty: 'RSA', alg: 'RS256', use: 'sig', kid: key.kid });
    expect(Buffer.from(key.publicJwk.n!, 'base64url')).toHaveLength(256);
    for (const member of PRIVATE_MEMBERS) expect(key.publicJwk).not.toHaveProperty(member);
  });

  it('is kept: the next start loads the same one', async () => {
    const [first] = await loadSigningKeys(dataDir);
    const [second] = await loadSigningKeys(dataDir);
    expect(second.kid).toBe(first.kid);
  });

  it('is readable by its owner only, and nothing else lies beside it', async () => {
    await loadSigningKeys(dataDir);
    expect(await mode(file)).toBe(0o600);
    expect(await mode(join(dataDir, 'oidc'))).toBe(0o700);
    expect(await readdir(join(dataDir, 'oidc'))).toEqual(['signing-keys.json']);
  });

  it('is made in a data directory that does not exist yet', async () => {
    await expect(loadSigningKeys(join(dataDir, 'a', 'b'))).resolves.toHaveLength(2);
  });

  it('is the same for all who start at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => loadSigningKeys(dataDir)));
    expect(new Set(all.map(([key]) => key.kid)).size).toBe(1);
    expect(await readdir(join(dataDir, 'oidc'))).toEqual(['signing-keys.json']);
  });

  it('may have others beside it: all are published, the first signs', async () => {
    const [first, second] = await loadSigningKeys(dataDir);
    const stored = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify({ keys: [await privateJwk(), ...stored.keys] }));
    const keys = await loadSigningKeys(dataDir);
    expect(keys.map((key) => key.kid)).toEqual([
      expect.not.stringMatching(first.kid),
      first.kid,
      second?.kid,
    ]);
    const header = decodeProtectedHeader(await signToken(keys, { issuer: 'http://issuer' }));
    expect(header.kid).toBe(keys[0].kid);
  });
});

describe('a damaged key file is left alone, and the error names it and what to do:', () => {
  const damages: [string, (stored: { keys: Record<string, unknown>[] }) => unknown][] = [
    ['it is empty', () => ''],
    ['it is cut off', (stored) => JSON.stringify(stored).slice(0, 300)],
    ['it is null', () => null],
    ['it has no keys', () => ({})],
    ['its keys are empty', () => ({ keys: [] })],
    ['a key is null', () => ({ keys: [null] })],
    ['a key is public only', ({ keys: [key] }) => ({ keys: [{ ...key, d: undefined }] })],
    [
      'the halves do not belong together',
      async ({ keys: [key] }) => {
        const { n } = await privateJwk();
        return { keys: [{ ...key, n }] };
      },
    ],
    ['a second key is broken', ({ keys: [key] }) => ({ keys: [key, { ...key, n: 'AAAA' }] })],
  ];

  it.each(damages)('%s', async (_damage, change) => {
    await loadSigningKeys(dataDir);
    const stored = JSON.parse(await readFile(file, 'utf8'));
    const content = await change(stored);
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    await writeFile(file, text);
    const error = (await loadSigningKeys(dataDir).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: 'signing_keys_damaged', message: expect.stringContaining(file) });
    expect(error.message).toMatch(/Restore the file from a backup, or delete it/);
    expect(error.message).not.toContain((stored.keys[0].d as string).slice(0, 8));
    expect(error).not.toHaveProperty('cause');
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('one that cannot be read at all is not taken for a missing one', async () => {
    await writeFile(join(dataDir, 'oidc'), '');
    await expect(loadSigningKeys(dataDir)).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});

describe('the issuer', () => {
  let server: Server;
  let url: string;
  let keys: SigningKeys;

  beforeEach(async () => {
    keys = await loadSigningKeys(dataDir);
    // The address is known only after listening, and after the router was made.
    server = createServer(
      express().use(
        createIssuerRouter(
          () => Promise.resolve(keys),
          () => url,
        ),
      ),
    );
    url = await listen(server);
  });
  afterEach(() => closeServer(server));

  it('serves a discovery document with all that OpenID Connect requires', async () => {
    const answer = await fetch(`${url}/.well-known/openid-configuration`);
    expect(await answer.json()).toEqual({
      issuer: url,
      authorization_endpoint: `${url}/oauth/authorize`,
      jwks_uri: `${url}/oauth/discovery/keys`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    });
  });

  it('publishes its keys without any private member', async () => {
    const answer = await fetch(`${url}/oauth/discovery/keys`);
    const text = await answer.text();
    const published = JSON.parse(text).keys as Record<string, unknown>[];
    expect(published.map((key) => key['kid'])).toEqual(keys.map(({ kid }) => kid));
    for (const key of published)
      expect(Object.keys(key).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
    for (const stored of JSON.parse(await readFile(file, 'utf8')).keys) {
      for (const member of PRIVATE_MEMBERS.filter((name) => name in stored)) {
        expect(text).not.toContain(stored[member]);
      }
    }
  });

  it('signs tokens that the service accepts', async () => {
    const verify = createTokenVerifier({ portalUrl: url });
    await expect(verify(await signToken(keys, { issuer: url }))).resolves.toBeUndefined();
  });

  it('signs tokens that are refused after their time', async () => {
    let now = Date.now();
    const verify = createTokenVerifier({ portalUrl: url, now: () => now });
    const token = await signToken(keys, { issuer: url, expiresInSeconds: 10, now: () => now });
    await verify(token);
    now += 10_000 - 5_000 + 30_000; // from iat on, and a verifier tolerates 30 s
    await expect(verify(token)).rejects.toMatchObject({ why: { reason: 'expired' } });
  });

  it.each([-10, 10])('signs tokens that a verifier accepts whose clock is %d s off', async (seconds) => {
    const verify = createTokenVerifier({ portalUrl: url, now: () => Date.now() + seconds * 1000 });
    await expect(verify(await signToken(keys, { issuer: url }))).resolves.toBeUndefined();
  });

  it('signs tokens that even a verifier without any tolerance accepts whose clock is 4 s behind', async () => {
    const { payload } = await jwtVerify(
      await signToken(keys, { issuer: url }),
      await importJWK(keys[0].publicJwk, 'RS256'),
      {
        currentDate: new Date(Date.now() - 4_000),
      },
    );
    expect(payload.iat).toBe(payload.nbf);
  });
});

it('a token has every claim of the contract, is 5 seconds old, lasts 300, and is never the same twice', async () => {
  const keys = await loadSigningKeys(dataDir);
  const options = { issuer: 'http://issuer', now: () => 1_770_000_000_999 };
  const [one, two] = await Promise.all([signToken(keys, options), signToken(keys, options)]);
  expect(decodeProtectedHeader(one)).toEqual({ alg: 'RS256', typ: 'JWT', kid: keys[0].kid });
  expect(decodeJwt(one)).toEqual({
    iss: 'http://issuer',
    sub: 'customers-dot-internal-api',
    aud: 'gitlab-subscriptions',
    iat: 1_769_999_995,
    nbf: 1_769_999_995,
    exp: 1_770_000_295,
    jti: expect.stringMatching(/^[\da-f-]{36}$/),
  });
  expect(decodeJwt(two).jti).not.toBe(decodeJwt(one).jti);
});
