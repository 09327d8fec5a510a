/** Whoever answered may be a proxy; however long it wants us to wait, a sync is not held up for longer. */
const MAX_MS = 5 * 60 * 1000;

// The only form that may be sent (RFC 9110, 5.6.7). Date.parse takes nearly anything.
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Milliseconds that a header `Retry-After` asks for, at most 5 minutes; null when it is neither a whole number of
 * seconds nor a date in the future.
 * @param now milliseconds since the epoch
 */
export function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null) return null;
  const ms = /^\d+$/.test(header)
    ? Number(header) * 1000
    : HTTP_DATE.test(header)
      ? Date.parse(header) - now
      : 0;
  return ms > 0 ? Math.min(ms, MAX_MS) : null;
}
