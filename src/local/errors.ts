/** What can keep a local server from starting. Each code is stable; the message says what to do about it. */
export type LocalServerErrorCode =
  /** Another live process runs a server on this data directory. */
  | 'local_data_in_use'
  /** There is no PostgreSQL for this machine, or what npm installed of it is incomplete. */
  | 'postgres_unavailable'
  /** PostgreSQL refuses to run as root, and there is no other user that it could run as. */
  | 'postgres_no_user'
  /** There is a cluster, but its password file is gone. */
  | 'postgres_password_missing'
  | 'postgres_start_failed'
  /** No Temporal CLI was found and none could be fetched. */
  | 'temporal_cli_unavailable'
  /** The Temporal CLI that the operator named cannot be used. */
  | 'temporal_cli_unusable'
  | 'temporal_start_failed';

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
