import type { AddressInfo } from 'node:net';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';

export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export const DISCOVERY = '/.well-known/openid-configuration';
export const KEYS = '/keys';

/** A portal whose answers a test scripts. It counts the requests of each path. */
export interface ScriptedPortal {
  url: string;
  answers: Record<string, Answer>;
  count(path: string): number;
  close(): Promise<void>;
}

export interface TestKey {
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  publicJwk: JWK;
}

/** Serves a discovery document that points to `keys`; both can be replaced in `answers`. */
export async function startPortal(keys: readonly TestKey[]): Promise<ScriptedPortal> {
  const counts: Record<string, number> = {};
  const answers: Record<string, Answer> = {};
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    counts[path] = (counts[path] ?? 0) + 1;
    const answer = answers[path];
    if (answer) answer(response, request);
    else response.writeHead(404).end();
  });
  const url = await listen(server);
  answers[DISCOVERY] = json(discoveryOf(url));
  answers[KEYS] = keySet(keys);
  return { url, answers, count: (path) => counts[path] ?? 0, close: () => closeServer(server) };
}

export function discoveryOf(url: string): Record<string, unknown> {
  return {
    issuer: url,
    jwks_uri: `${url}${KEYS}`,
    id_token_signing_alg_values_supported: ['RS256'],
  };
}

export function json(body: unknown, status = 200): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

export function keySet(keys: readonly TestKey[]): Answer {
  return json({ keys: keys.map((key) => key.publicJwk) });
}

export async function makeKey(kid: string): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' };
  return { kid, privateKey, publicKey, publicJwk };
}

/** Claims that are accepted at `now`; `overrides` replaces some, undefined removes one. */
export function claims(issuer: string, now: number, overrides: Record<string, unknown> = {}): JWTPayload {
  const seconds = Math.floor(now / 1000);
  return {
    iss: issuer,
    sub: 'customers-dot-internal-api',
    aud: 'gitlab-subscriptions',
    iat: seconds,
    exp: seconds + 7 * 24 * 3600,
    ...overrides,
  };
}

export async function sign(key: TestKey, payload: JWTPayload, header: object = {}): Promise<string> {
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'RS256', kid: key.kid, ...header })
    .sign(key.privateKey);
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
