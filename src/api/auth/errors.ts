/**
 * The caller has not proved to be CustomersDot: answered with 401 (contract 1.2). `reason` is a short stable
 * word for the log, e.g. `ERR_JWT_EXPIRED`; it never holds any part of the token.
 */
export class Unauthorized extends Error {
  readonly code = 'UNAUTHORIZED';

  constructor(readonly reason: string) {
    super(`Token refused: ${reason}`);
    this.name = 'Unauthorized';
  }
}

/**
 * The portal's discovery document or key set cannot be had, so nothing can be said about the token: answered
 * with 503, and the caller may repeat the request (contract 1.2).
 */
export class PortalUnavailable extends Error {
  readonly code = 'PORTAL_UNAVAILABLE';

  constructor(reason: string, options?: ErrorOptions) {
    super(`Subscription portal unavailable: ${reason}`, options);
    this.name = 'PortalUnavailable';
  }
}
