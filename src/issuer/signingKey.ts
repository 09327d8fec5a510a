import {
  calculateJwkThumbprint,
  CompactSign,
  compactVerify,
  importJWK,
  type CryptoKey,
  type JWK,
} from 'jose';

/** One RSA key, ready for use. `publicJwk` has no private member. */
export interface SigningKey {
  /** The JWK thumbprint (RFC 7638). */
  kid: string;
  privateKey: CryptoKey;
  publicJwk: JWK;
  /** Milliseconds since the epoch after which a retired key is no longer published; null: no end. */
  publishedUntil: number | null;
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
