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

export type TokenRefusal = (typeof TOKEN_REFUSALS)[number];

/** The caller has not proved to be CustomersDot: answered with 401 (contract 1.2). Holds no other part of the token. */
export class Unauthorized extends Error {
  readonly code = 'unauthorized';

  /** @param kid the one that the token names; null: it is not known */
  constructor(
    readonly reason: TokenRefusal,
    readonly kid: string | null,
  ) {
    super(`Token refused: ${reason}`);
    this.name = 'Unauthorized';
  }
}

/**
 * The portal's discovery document or key set cannot be had, so nothing can be said about the token: answered
 * with 503, and the caller may repeat the request (contract 1.2). `reason` says what could not be had and why.
 */
export class PortalUnavailable extends Error {
  readonly code = 'portal_unavailable';

  constructor(
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`Subscription portal unavailable: ${reason}`, options);
    this.name = 'PortalUnavailable';
  }
}

/**
 * The kept key set lacks the token's key, and may not be fetched again yet. The key may be new: answered with 503, and
 * the caller may repeat the request (contract 1.2).
 */
export class KeyUnknown extends Error {
  readonly code = 'key_unknown';
  readonly reason = 'the kept key set lacks this key, and was fetched again for an unknown key a moment ago';

  constructor(readonly kid: string) {
    super('The key of the token is unknown and may be new');
    this.name = 'KeyUnknown';
  }
}
