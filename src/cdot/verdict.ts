import { isJsonObject } from '../domain/json';
import type { AttemptState } from './attempts';
import { messageOf } from './readAnswer';
import type { Reply } from './post';
import { retryAfterMs } from '../domain/retryAfter';

/** What an answer means for an attempt (contract 6). */
export interface Verdict {
  state: Exclude<AttemptState, 'started'>;
  /** Why it did not complete; null where the answer's message is the reason. */
  error: string | null;
  /** Whether it is to be tried again, and when at the earliest. */
  retry: 'no' | 'later' | 'at once';
  /** Milliseconds, as the server asked for. */
  retryAfterMs: number | null;
}

/**
 * Judges a reply. Only an answer of the contract's form (contract 2) is final, as the same request would get it again. Any
 * other is not the API's word on this sync, and is retried (contract 6).
 * @param now milliseconds since the epoch, for a `Retry-After` that is a date
 */
export function judge(reply: Reply, now: number): Verdict {
  if (reply.kind === 'interrupted') return failed('Interrupted: the worker was stopped', 'at once');
  if (reply.kind === 'no_answer') return failed(reply.reason, 'later');
  const { status, body } = reply;
  const final = FINAL.get(status);
  if (final?.hasForm(body)) {
    const error = final.state === 'failed' ? messageOf(body) : null;
    return { state: final.state, error, retry: 'no', retryAfterMs: null };
  }
  const reason = final
    ? `${status} without the answer of the API`
    : (messageOf(body) ?? `The API answered ${status}`);
  return { ...failed(reason, 'later'), retryAfterMs: retryAfterMs(reply.retryAfter, now) };
}

const isResult = (status: string) => (body: unknown) =>
  isJsonObject(body) && body['status'] === status && isJsonObject(body['payload']);
const refused = { state: 'failed', hasForm: (body: unknown) => messageOf(body) !== null } as const;

/** The statuses that are final, and the form that an answer of each has. */
const FINAL = new Map<number, { state: Verdict['state']; hasForm: (body: unknown) => boolean }>([
  [200, { state: 'completed', hasForm: isResult('success') }],
  [422, { state: 'partially_failed', hasForm: isResult('error') }],
  [409, { state: 'skipped', hasForm: (body) => isJsonObject(body) && body['status'] === 'skipped' }],
  [400, refused],
  [404, refused],
  [413, refused],
  [415, refused],
]);

function failed(error: string, retry: Verdict['retry']): Verdict {
  return { state: 'failed', error, retry, retryAfterMs: null };
}
