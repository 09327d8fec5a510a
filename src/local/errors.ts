/** What can keep a local server from starting. Each code is stable; the message says what to do about it. */
export type LocalServerErrorCode =
  /** Another live process runs a server on this data directory. */
  | 'LOCAL_DATA_IN_USE'
  /** There is no PostgreSQL for this machine, or what npm installed of it is incomplete. */
  | 'POSTGRES_UNAVAILABLE'
  /** PostgreSQL refuses to run as root, and there is no other user that it could run as. */
  | 'POSTGRES_NO_USER'
  /** There is a cluster, but its password file is gone. */
  | 'POSTGRES_PASSWORD_MISSING'
  | 'POSTGRES_START_FAILED'
  /** No Temporal CLI was found and none could be fetched. */
  | 'TEMPORAL_CLI_UNAVAILABLE'
  /** The Temporal CLI that the operator named cannot be used. */
  | 'TEMPORAL_CLI_UNUSABLE'
  | 'TEMPORAL_START_FAILED';

/** A PostgreSQL or Temporal server that this process should have brought up, and could not. */
export class LocalServerError extends Error {
  override readonly name = 'LocalServerError';

  constructor(
    readonly code: LocalServerErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    // One line: these end up on a terminal or in one log record.
    super(message.trim().replace(/\s*\n\s*/g, ' | '), options);
  }
}
