/** How tries are spaced. */
export interface Backoff {
  /** Milliseconds before the second try; doubled with each further one. */
  baseMs: number;
  /** From 0 to 1, for the jitter. */
  random: () => number;
}

const MAX_DELAY_MS = 60 * 60 * 1000;

/**
 * Milliseconds until the next try after `failures` (1 or more) in a row: about `baseMs` × 2^(failures − 1), a quarter
 * more or less so that namespaces do not come back all at once, but not before the server wants it (`Retry-After`),
 * and never more than an hour.
 */
export function retryDelay(
  { baseMs, random }: Backoff,
  failures: number,
  retryAfterMs: number | null,
): number {
  const delay = baseMs * 2 ** Math.min(failures - 1, 40) * (0.75 + random() / 2);
  return Math.round(Math.min(Math.max(delay, retryAfterMs ?? 0), MAX_DELAY_MS));
}

/** A proxy may have answered, and may want any wait: a sync is not held up for longer. */
const MAX_RETRY_AFTER_MS = 5 * 60 * 1000;

// The only form that may be sent (RFC 9110, 5.6.7). Date.parse takes nearly anything.
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Milliseconds that a header `Retry-After` asks for, at most 5 minutes; null when it is neither a whole number of
 * seconds nor a date in the future.
 * @param now milliseconds since the epoch
 */
export function retryAfterMs(header: string | null, now: number): number | null {
  const ms = millisecondsOf(header ?? '', now);
  return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : null;
}

function millisecondsOf(header: string, now: number): number {
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  return HTTP_DATE.test(header) ? Date.parse(header) - now : 0;
}
