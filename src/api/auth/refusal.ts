import { errors } from 'jose';
import { HttpProblem } from '../problems';

/** Why a token is refused: what the log and the metrics say, and `docs/errors.md` explains. */
export const TOKEN_REFUSALS = [
  'no_token',
  'too_long',
  'malformed',
  'wrong_algorithm',
  'no_kid',
  'unknown_kid',
  'unusable_key',
  'wrong_signature',
  'expired',
  'not_valid_yet',
  'wrong_times',
  'wrong_issuer',
  'wrong_subject',
  'wrong_audience',
] as const;
type TokenRefusal = (typeof TOKEN_REFUSALS)[number];

/** 401: the caller has not proved to be CustomersDot (contract 1.2). Holds no other part of the token than its `kid`. */
export function unauthorized(reason: TokenRefusal, kid?: string): HttpProblem {
  return new HttpProblem('unauthorized', { reason, ...(kid !== undefined && notedKid(kid)) });
}

// Whoever makes a token chooses its `kid`, of up to 8 KiB.
const MAX_KID = 128;

/** What the log says of a token's `kid`. */
export const notedKid = (kid: string) => ({ kid: kid.slice(0, MAX_KID) });

const OF_CLAIMS: Record<string, TokenRefusal> = {
  iss: 'wrong_issuer',
  sub: 'wrong_subject',
  aud: 'wrong_audience',
};

/** What an error of jose means. Nothing else of it is kept: it carries the claims, which have no place in a log. */
export function refusalOf(error: unknown): TokenRefusal {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    // Of `nbf` and `iat` a value can be wrong; all else is that a time is missing or no number.
    return OF_CLAIMS[error.claim] ?? (error.reason === 'check_failed' ? 'not_valid_yet' : 'wrong_times');
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'wrong_signature';
  return MALFORMED.some((kind) => error instanceof kind) ? 'malformed' : 'unusable_key';
}

const MALFORMED = [errors.JWSInvalid, errors.JWTInvalid, errors.JOSENotSupported];
