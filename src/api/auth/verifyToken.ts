import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTVerifyOptions } from 'jose';
import { Unauthorized } from './errors';
import type { KeySet } from './portalDocuments';
import { createPortalKeys } from './portalKeys';

const ALGORITHM = 'RS256';
const SUBJECT = 'customers-dot-internal-api';
const AUDIENCE = 'gitlab-subscriptions';
const MAX_TOKEN_LENGTH = 8 * 1024;
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** How a verifier reaches the portal. */
export interface TokenVerifierOptions {
  /** `SUBSCRIPTION_PORTAL_URL`. */
  portalUrl: string;
  /** Milliseconds since the epoch, for cache ages and for `exp` and `nbf`. Default: the system clock. */
  now?: () => number;
  /** Default: the global fetch. */
  fetch?: typeof globalThis.fetch;
  /** How long one answer of the portal may take. Default: 5000. */
  timeoutMs?: number;
}

/**
 * Accepts (resolves) or refuses one value of the header `X-Customers-Dot-Internal-Token`. `signal` bounds the
 * wait of this caller only.
 *
 * @throws {Unauthorized} → 401: anything wrong with the token, or none
 * @throws {PortalUnavailable} → 503: discovery or key set cannot be had, or `signal` aborted while waiting
 */
export type VerifyToken = (
  token: string | undefined,
  options?: { signal?: AbortSignal | undefined },
) => Promise<void>;

/**
 * Creates the check of contract 1.2, with its own caches: share one verifier among all requests. What can be
 * told from the token alone (absent, overlong, not a signed JWT, another algorithm, no `kid`) is refused before
 * the portal is asked.
 */
export function createTokenVerifier(options: TokenVerifierOptions): VerifyToken {
  const { portalUrl, now = Date.now, fetch = globalThis.fetch, timeoutMs = 5000 } = options;
  const portal = createPortalKeys({ portalUrl, now, fetch, timeoutMs });

  return async (token, { signal } = {}) => {
    if (token === undefined) throw new Unauthorized('no token');
    const kid = readKid(token);
    const { issuer, algorithms } = await portal.discovery(signal);
    if (!algorithms.includes(ALGORITHM)) throw new Unauthorized('portal does not sign with RS256');
    const keySet = await portal.keySetFor(kid, signal);
    await verifySignatureAndClaims(token, keySet, {
      algorithms: [ALGORITHM],
      issuer,
      subject: SUBJECT,
      audience: AUDIENCE,
      requiredClaims: ['exp'],
      currentDate: new Date(now()),
    });
  };
}

/** The `kid` of what at least looks like a token of the portal; Unauthorized when it does not. */
function readKid(token: string): string {
  if (token.length > MAX_TOKEN_LENGTH) throw new Unauthorized('token too long');
  // Also refuses a header that was sent twice, which Node joins with a comma.
  if (!COMPACT_JWS.test(token)) throw new Unauthorized('not a signed JWT');
  const { alg, kid } = refuseIfItThrows(() => (decodeJwt(token), decodeProtectedHeader(token)));
  if (alg !== ALGORITHM) throw new Unauthorized('algorithm is not RS256');
  if (typeof kid !== 'string' || kid === '') throw new Unauthorized('no kid');
  return kid;
}

function refuseIfItThrows<T>(decode: () => T): T {
  try {
    return decode();
  } catch {
    throw new Unauthorized('not a signed JWT');
  }
}

async function verifySignatureAndClaims(
  token: string,
  keySet: KeySet,
  options: JWTVerifyOptions,
): Promise<void> {
  try {
    await jwtVerify(token, keySet.resolve, options);
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) return verifyWithAny(token, error, options);
    throw refusal(error);
  }
}

/** A set that lists one `kid` twice (the same key as current and as next, say) is no reason to refuse. */
async function verifyWithAny(
  token: string,
  candidates: errors.JWKSMultipleMatchingKeys,
  options: JWTVerifyOptions,
): Promise<void> {
  let last: unknown;
  for await (const key of candidates) {
    try {
      await jwtVerify(token, key, options);
      return;
    } catch (error) {
      last = error;
    }
  }
  throw refusal(last);
}

/** Only jose's code is kept: its errors carry the claims, which have no place in a log. */
function refusal(error: unknown): Unauthorized {
  return new Unauthorized(error instanceof errors.JOSEError ? error.code : 'key cannot be used');
}
