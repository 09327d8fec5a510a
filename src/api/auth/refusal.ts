import { errors } from 'jose';
import type { TokenRefusal } from './errors';

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
