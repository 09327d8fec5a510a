import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until `look` gives a value that is neither null, undefined nor false, looking every few milliseconds. */
export async function eventually<T>(
  look: () => Promise<T | null | undefined | false>,
  what: string,
  timeoutMs = 20_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (value !== null && value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(25);
  }
}
