import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { SigningKeys } from './keys';

// A verifier's clock may be behind ours; GitLab's own tokens have the same margin.
const CLOCK_MARGIN_S = 5;

/** The claims of a token besides the fixed subject and audience. */
export interface TokenOptions {
  /** The issuer as its discovery document gives it. */
  issuer: string;
  /** From `iat` on. Default: 300. */
  expiresInSeconds?: number;
  /** Milliseconds since the epoch. Default: the system clock. */
  now?: () => number;
}

/**
 * Signs a token as CustomersDot does (contract 1.2 and 6) with the first of `keys`: RS256 with its `kid`. Returns the
 * compact JWT.
 */
export async function signToken(keys: SigningKeys, options: TokenOptions): Promise<string> {
  const { issuer, expiresInSeconds = 300, now = Date.now } = options;
  const [{ kid, privateKey }] = keys;
  const issuedAt = Math.floor(now() / 1000) - CLOCK_MARGIN_S;
  return new SignJWT()
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid })
    .setIssuer(issuer)
    .setSubject('customers-dot-internal-api')
    .setAudience('gitlab-subscriptions')
    .setIssuedAt(issuedAt)
    .setNotBefore(issuedAt)
    .setExpirationTime(issuedAt + expiresInSeconds)
    .setJti(randomUUID())
    .sign(privateKey);
}
