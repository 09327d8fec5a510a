import type { SectionEntry } from './answer';
import type { SectionName } from './sections';

/**
 * The types of the failures that travel through Temporal. Code switches on these, never on messages.
 * `docs/errors.md` lists them for people.
 */
export const FAILURE = {
  /** A run was started with something that is no valid request. Details: [InvalidRequest]. Not retried. */
  invalidRequest: 'InvalidRequest',
  /** A step refuses its section. Details: [SectionEntries, DatabaseRefusal[]]. Not retried. */
  validation: 'ValidationError',
  /** A newer sync was admitted. Details: [its id or null]. Not retried. */
  superseded: 'Superseded',
  /** PostgreSQL or the network is in the way. Retried with backoff. */
  transient: 'TransientError',
  /** GitLab's tables are not what this version of the service expects. Retried with backoff, with an alert. */
  schema: 'SchemaMismatch',
  /** A bug. Retried a few times, then the run fails. */
  internal: 'InternalError',
  /** The whole sync is refused: how a run with the answer 422 ends. Details: [Answer]. */
  refused: 'SyncRefused',
} as const;

export type SectionEntries = Partial<Record<SectionName, SectionEntry>>;

/** Why a request cannot become a sync: the HTTP answer that it would get at the door (contract 1). */
export interface InvalidRequest {
  status: 400 | 404;
  body: { message: string } | { error: string };
}
