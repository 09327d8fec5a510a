import { isJsonObject } from '../domain/addOnInput';
import type { AttemptState } from './attempts';
import type { Reply } from './post';

/** What an answer means for an attempt (contract 6). */
export interface Verdict {
  state: Exclude<AttemptState, 'started'>;
  /** Why it did not complete; null where the answer's own message says so. */
  error: string | null;
  /** Whether it is to be tried again, and when at the earliest. */
  retry: 'no' | 'later' | 'at once';
  /** Milliseconds, as the server asked for. */
  retryAfterMs: number | null;
}

/**
 * Judges a reply: 200 is done, 422 partially failed, 409 overtaken by a newer sync; 5XX, 429 and silence are tried
 * again; anything else would be answered the same way again, so it is not.
 * @param now milliseconds since the epoch, for a `Retry-After` that is a date
 */
export function judge(reply: Reply, now: number): Verdict {
  if (reply.kind === 'interrupted') return failed('Interrupted: the worker was stopped', 'at once');
  if (reply.kind === 'no_answer') return failed(reply.reason, 'later');
  const { status, body } = reply;
  if (status === 200) {
    if (isJsonObject(body) && body['status'] === 'success') return ended('completed');
    // Something between us and the API answered; nobody knows whether the sync was applied.
    return failed('200 without the answer of the API', 'later');
  }
  if (status === 422) return ended('partially_failed');
  if (status === 409) return ended('skipped');
  const error = messageOf(body) ?? `The API answered ${status}`;
  if (status >= 500 || status === 429) {
    return { ...failed(error, 'later'), retryAfterMs: retryAfter(reply.retryAfter, now) };
  }
  return failed(error, 'no');
}

/** The text that an answer gives as its reason, whichever of GitLab's two keys it uses. */
export function messageOf(body: unknown): string | null {
  if (!isJsonObject(body)) return null;
  const text = [body['message'], body['error']].find((value) => typeof value === 'string');
  return text?.slice(0, MAX_MESSAGE) ?? null;
}

const MAX_MESSAGE = 2_000;

function ended(state: Verdict['state']): Verdict {
  return { state, error: null, retry: 'no', retryAfterMs: null };
}

function failed(error: string, retry: Verdict['retry']): Verdict {
  return { state: 'failed', error, retry, retryAfterMs: null };
}

/** Seconds or an HTTP date; null when it is neither. */
function retryAfter(header: string | null, now: number): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
