import { once } from 'node:events';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import express from 'express';
import { exportJWK, generateKeyPair } from 'jose';
import { createTokenVerifier, type VerifyToken } from '../../../src/api/auth/verifyToken';
import { importSigningKey, keyFileIn, openSigningKeys } from '../../../src/issuer/keys';
import { rotateSigningKeys } from '../../../src/issuer/rotate';
import { createIssuerRouter } from '../../../src/issuer/router';
import { signToken } from '../../../src/issuer/token';

let dataDir: string;
let server: Server;
let issuer: string;
let clock: number;
let verify: VerifyToken;
const now = () => clock;

beforeEach(async () => {
  clock = Date.now();
  dataDir = await mkdtemp(path.join(tmpdir(), 'rotation-'));
  server = createServer(express().use(createIssuerRouter(openSigningKeys(dataDir), () => issuer, { now })));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  verify = createTokenVerifier({ portalUrl: issuer, now });
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await rm(dataDir, { recursive: true });
});

const newToken = async () => signToken(await openSigningKeys(dataDir)(), { issuer, now });

async function publishedKeys(): Promise<string[]> {
  const answer = await fetch(`${issuer}/oauth/discovery/keys`);
  return ((await answer.json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
}

/** A token that anyone can make: a key that is published nowhere. */
async function foreignToken(): Promise<string> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return signToken([await importSigningKey(await exportJWK(privateKey))], { issuer, now });
}

test('the new key signs at once, and tokens of the old one stay good', async () => {
  const old = await newToken();
  await verify(old);
  const { kid, retiredKid } = await rotateSigningKeys(dataDir, now);
  expect((await publishedKeys())[0]).toBe(kid);
  expect(await publishedKeys()).toContain(retiredKid);
  await verify(await newToken());
  await verify(old);
});

test('no token is refused in any rotation a minute apart, even while somebody makes up tokens', async () => {
  await verify(await newToken());
  await rotateSigningKeys(dataDir, now);
  await verify(await newToken());
  for (let rotation = 0; rotation < 3; rotation++) {
    clock += 59_000;
    const last = await newToken();
    await expect(verify(await foreignToken())).rejects.toMatchObject({ code: 'unauthorized' });
    clock += 1_000;
    await rotateSigningKeys(dataDir, now);
    await verify(await newToken());
    await verify(last);
  }
});

test('an API that saw no token between two rotations accepts the next one', async () => {
  await verify(await newToken());
  for (let rotation = 0; rotation < 3; rotation++) {
    await rotateSigningKeys(dataDir, now);
    clock += 60_000;
  }
  await verify(await newToken());
});

test('the old key is published for an hour, and its file forgets it then', async () => {
  const { retiredKid, retiredUntil } = await rotateSigningKeys(dataDir, now);
  expect(retiredUntil - clock).toBe(3_600_000);
  clock = retiredUntil;
  expect(await publishedKeys()).toContain(retiredKid);
  clock += 1;
  expect(await publishedKeys()).not.toContain(retiredKid);
  await rotateSigningKeys(dataDir, now);
  expect((await openSigningKeys(dataDir)()).map(({ kid }) => kid)).not.toContain(retiredKid);
});

test('the lock of a process that died is not respected for long, even if the clock was set back since', async () => {
  await newToken();
  const lock = `${keyFileIn(dataDir)}.lock`;
  await writeFile(lock, '');
  await expect(rotateSigningKeys(dataDir, now)).rejects.toMatchObject({ code: 'rotation_too_soon' });
  for (const seconds of [-60, 3_600]) {
    await writeFile(lock, '');
    const at = Date.now() / 1_000 + seconds;
    await utimes(lock, at, at);
    clock += 60_000;
    await rotateSigningKeys(dataDir, now);
  }
});

test('a second rotation within a minute is refused with the time that is left; of several at once, one wins', async () => {
  const results = await Promise.allSettled([1, 2, 3, 4].map(() => rotateSigningKeys(dataDir, now)));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  clock += 20_000;
  await expect(rotateSigningKeys(dataDir, now)).rejects.toMatchObject({
    code: 'rotation_too_soon',
    message: expect.stringContaining('rotated 20 s ago: try again in 40 s'),
  });
});
