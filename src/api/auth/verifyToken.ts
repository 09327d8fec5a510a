import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  type ProtectedHeaderParameters,
} from 'jose';
import { createPortalKeys } from './portalKeys';
import { refusalOf, unauthorized } from './refusal';

const ALGORITHM = 'RS256';
const SUBJECT = 'customers-dot-internal-api';
const AUDIENCE = 'gitlab-subscriptions';
const MAX_TOKEN_LENGTH = 8 * 1024;
// How far the clocks of the portal and of this machine may differ (contract 1.2).
const CLOCK_TOLERANCE_S = 30;
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** How a verifier reaches the portal. */
export interface TokenVerifierOptions {
  /** `SUBSCRIPTION_PORTAL_URL`. */
  portalUrl: string;
  /** Milliseconds since the epoch, for cache ages and for `exp`, `nbf` and `iat`. Default: the system clock. */
  now?: () => number;
  /** Default: the global fetch. */
  fetch?: typeof globalThis.fetch;
  /** How long one answer of the portal may take. Default: 5000. */
  timeoutMs?: number;
}

/**
 * Accepts (resolves) or refuses one value of the header `X-Customers-Dot-Internal-Token`.
 *
 * @throws HttpProblem 401: anything wrong with the token, or none; 503: its key may be new, or the portal's documents
 *   cannot be had
 */
export type VerifyToken = (token: string | undefined) => Promise<void>;

/**
 * Creates the check of contract 1.2, with its own caches: share one verifier among all requests. A token that is
 * wrong by itself (absent, overlong, no signed JWT, another algorithm, no `kid`) is refused before the portal is asked.
 */
export function createTokenVerifier(options: TokenVerifierOptions): VerifyToken {
  const { portalUrl, now = Date.now, fetch = globalThis.fetch, timeoutMs = 5000 } = options;
  const portal = createPortalKeys({ portalUrl, now, fetch, timeoutMs });

  return async (token) => {
    if (token === undefined) throw unauthorized('no_token');
    const kid = readKid(token);
    const { issuer, algorithms } = await portal.discovery();
    if (!algorithms.includes(ALGORITHM)) throw unauthorized('wrong_algorithm', kid);
    const keySet = await portal.keySetFor(kid);
    if (keySet === null) throw unauthorized('unknown_kid', kid);
    const currentDate = new Date(now());
    try {
      const claims = await verify(token, keySet.resolve, {
        algorithms: [ALGORITHM],
        issuer,
        subject: SUBJECT,
        audience: AUDIENCE,
        requiredClaims: ['exp'],
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate,
      });
      refuseFuture(claims, currentDate);
    } catch (error) {
      throw unauthorized(refusalOf(error), kid);
    }
  };
}

/** The `kid` of what looks like a token of the portal. @throws HttpProblem 401 when it does not */
function readKid(token: string): string {
  if (token.length > MAX_TOKEN_LENGTH) throw unauthorized('too_long');
  // Also refuses a header that was sent twice, which Node joins with a comma.
  if (!COMPACT_JWS.test(token)) throw unauthorized('malformed');
  const { alg, kid } = headerOf(token);
  if (alg !== ALGORITHM) throw unauthorized('wrong_algorithm');
  if (typeof kid !== 'string' || kid === '') throw unauthorized('no_kid');
  return kid;
}

function headerOf(token: string): ProtectedHeaderParameters {
  try {
    decodeJwt(token);
    return decodeProtectedHeader(token);
  } catch {
    throw unauthorized('malformed');
  }
}

/** Verifies signature and claims. @throws whatever jose throws */
async function verify(
  token: string,
  resolve: JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, resolve, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    return verifyWithAny(token, error, options);
  }
}

/** A set that lists one `kid` twice (the same key as current and as next, say) is no reason to refuse. */
async function verifyWithAny(
  token: string,
  candidates: errors.JWKSMultipleMatchingKeys,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  let last: unknown;
  for await (const key of candidates) {
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** jose looks at `iat` only where the age of tokens is limited. @throws what jose throws for `nbf` */
function refuseFuture(claims: JWTPayload, now: Date): void {
  if ((claims.iat ?? 0) <= now.getTime() / 1000 + CLOCK_TOLERANCE_S) return;
  throw new errors.JWTClaimValidationFailed('issued in the future', claims, 'iat', 'check_failed');
}
