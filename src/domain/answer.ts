import { SECTIONS, type SectionName } from './sections';

/** What became of one section; null means that it was not asked (contract 2). */
export type SectionEntry =
  | null
  | { status: 'success' }
  | { status: 'error'; message: string }
  | { status: 'rolled_back' }
  | { status: 'skipped' };

/** The body of 200 (`success`), 422 (`error`) and 409 (`skipped`), contract 2. */
export interface Answer {
  status: 'success' | 'error' | 'skipped';
  message: string | null;
  payload: Record<SectionName, SectionEntry>;
}

/**
 * The answer to a sync from what became of its sections; sections left out count as not asked.
 * `message` joins the failed sections' messages in section order. A section that was rolled back or skipped although
 * none failed still is an error, as a caller must not take it for applied.
 */
export function answerOf(entries: Partial<Record<SectionName, SectionEntry>>): Answer {
  const payload = payloadOf((section) => entries[section] ?? null);
  const given = SECTIONS.map((section) => payload[section]);
  const messages = given.flatMap((entry) => (entry?.status === 'error' ? [entry.message] : []));
  if (messages.length > 0) return { status: 'error', message: messages.join(', '), payload };
  const notApplied = SECTIONS.filter((section) => (payload[section]?.status ?? 'success') !== 'success');
  if (notApplied.length > 0)
    return { status: 'error', message: `Not applied: ${notApplied.join(', ')}`, payload };
  return { status: 'success', message: null, payload };
}

/** The answer to a sync that is older than one already admitted for the namespace (409, contract 2 and 5). */
export function supersededAnswer(bySyncId: number | null): Answer {
  const by = bySyncId === null ? 'a newer sync' : `sync ${bySyncId}`;
  return { status: 'skipped', message: `Superseded by ${by}`, payload: payloadOf(() => null) };
}

function payloadOf(entryOf: (section: SectionName) => SectionEntry): Record<SectionName, SectionEntry> {
  return {
    base_product: entryOf('base_product'),
    storage: entryOf('storage'),
    compute_minutes: entryOf('compute_minutes'),
    add_on_purchases: entryOf('add_on_purchases'),
  };
}

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
