import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  calculateJwkThumbprint,
  CompactSign,
  compactVerify,
  exportJWK,
  generateKeyPair,
  importJWK,
  type CryptoKey,
  type JWK,
} from 'jose';
import { createOnce, readIfExists } from './secretFile';

/** One RSA key, ready for use. `publicJwk` has no private member. */
interface SigningKey {
  /** The JWK thumbprint (RFC 7638). */
  kid: string;
  privateKey: CryptoKey;
  publicJwk: JWK;
  /** Milliseconds since the epoch after which a retired key is no longer published; null: no end. */
  publishedUntil: number | null;
}

/** The first one signs; then comes the one of the next rotation, then retired ones (`rotate.ts`). */
export type SigningKeys = readonly [SigningKey, ...SigningKey[]];

/** The file with the signing keys cannot be used. The message says which file and what to do. */
export class SigningKeysDamaged extends Error {
  readonly code = 'signing_keys_damaged';

  constructor(file: string, reason: string) {
    super(
      `The signing keys in ${file} cannot be used: ${reason}. Restore the file from a backup, or delete it: ` +
        'the next start makes a new key, and tokens signed with the old one are refused from then on.',
    );
    this.name = 'SigningKeysDamaged';
  }
}

/**
 * Loads the keys from `<dataDir>/oidc/signing-keys.json`; at the first start creates them (RSA 2048) there, readable by the
 * owner only: the one that signs, and that of the first rotation, so that every API knows it by then. Processes that start
 * at once get the same keys.
 *
 * @throws {SigningKeysDamaged} the file is there but does not hold working keys; it is left as it is
 */
export async function loadSigningKeys(dataDir: string): Promise<SigningKeys> {
  return importKeyFile(keyFileIn(dataDir), await readOrCreate(dataDir));
}

/**
 * Opens the keys for a long-running process. Each call of the result reads the file again, which is cheap while it is
 * unchanged: so a rotation by another process takes effect with the next token and the next request.
 * @throws what loadSigningKeys throws
 */
export function openSigningKeys(dataDir: string): () => Promise<SigningKeys> {
  let last: { text: string; keys: Promise<SigningKeys> } | undefined;
  return async () => {
    const text = await readOrCreate(dataDir);
    if (last?.text !== text) last = { text, keys: importKeyFile(keyFileIn(dataDir), text) };
    return last.keys;
  };
}

/**
 * Since when the current key signs: milliseconds since the epoch. Before the first rotation that is when its file was
 * created.
 */
export async function signingSince(dataDir: string): Promise<number> {
  const file = keyFileIn(dataDir);
  const { rotated_at: rotatedAt } = parseKeyFile(file, await readOrCreate(dataDir));
  return rotatedAt === undefined ? (await stat(file)).mtimeMs : Date.parse(rotatedAt);
}

/** The path of the key file of a data directory. */
export function keyFileIn(dataDir: string): string {
  return join(dataDir, 'oidc', 'signing-keys.json');
}

async function readOrCreate(dataDir: string): Promise<string> {
  const file = keyFileIn(dataDir);
  return (await readIfExists(file)) ?? createOnce(file, await newKeyFile());
}

async function importKeyFile(file: string, text: string): Promise<SigningKeys> {
  const [first, ...others] = await Promise.all(
    parseKeyFile(file, text).keys.map((jwk, index) =>
      importSigningKey(jwk).catch(() => {
        // Not even the cause's message: it may quote the key.
        throw new SigningKeysDamaged(file, `key ${index + 1} is not a working RSA key of 2048 bits or more`);
      }),
    ),
  );
  if (!first) throw new SigningKeysDamaged(file, 'it holds no key');
  return [first, ...others];
}

/**
 * Makes a stored private JWK usable. Signs and verifies once, so that a key whose halves do not belong together
 * is found at the start and not by the first caller.
 *
 * @throws whatever shows that it is no working RSA key; the error may quote the key and must not be logged
 */
export async function importSigningKey(stored: unknown): Promise<SigningKey> {
  const { kty, n, e, published_until: until } = stored as JWK & { published_until?: string };
  const kid = await calculateJwkThumbprint({ kty, n, e } as JWK);
  // Named one by one, so that nothing private can slip into what is published.
  const publicJwk = { kty, n, e, kid, alg: 'RS256', use: 'sig' } as JWK;
  const privateKey = (await importJWK(stored as JWK, 'RS256')) as CryptoKey;
  const publicKey = await importJWK(publicJwk, 'RS256');
  const probe = new CompactSign(Buffer.from(kid)).setProtectedHeader({ alg: 'RS256' });
  await compactVerify(await probe.sign(privateKey), publicKey);
  const publishedUntil = until === undefined ? null : Date.parse(until);
  if (Number.isNaN(publishedUntil)) throw new Error('published_until is not a time');
  return { kid, privateKey, publicJwk, publishedUntil };
}

/** What the file holds. A retired key has a member `published_until` (ISO time). */
export interface KeyFile {
  keys: unknown[];
  /** ISO time of the last rotation. */
  rotated_at?: string;
}

/** The file as text. */
export function keyFileText(content: KeyFile): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** A new private key (RSA 2048), as it is stored. */
export async function newPrivateJwk(): Promise<unknown> {
  const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
  return exportJWK(privateKey);
}

async function newKeyFile(): Promise<string> {
  return keyFileText({ keys: await Promise.all([newPrivateJwk(), newPrivateJwk()]) });
}

/** Reads the file's text. @throws {SigningKeysDamaged} it has no list of keys */
export function parseKeyFile(file: string, text: string): KeyFile {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new SigningKeysDamaged(file, 'it is not JSON');
  }
  if (!Array.isArray((content as { keys?: unknown } | null)?.keys)) {
    throw new SigningKeysDamaged(file, 'it has no list "keys"');
  }
  return content as KeyFile;
}
