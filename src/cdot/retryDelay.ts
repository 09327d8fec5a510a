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
