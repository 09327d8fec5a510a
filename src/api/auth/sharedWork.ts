import { PortalUnavailable } from './errors';

/**
 * Makes callers share one run of `work`: whoever calls while it is going gets the same promise. A run that has
 * ended, well or badly, is forgotten, so a failure reaches only those who waited for it.
 */
export function coalesce<T>(work: () => Promise<T>): { run(): Promise<T>; running(): boolean } {
  let current: Promise<T> | undefined;
  return {
    run: () =>
      (current ??= work().finally(() => {
        current = undefined;
      })),
    running: () => current !== undefined,
  };
}

/**
 * Waits for shared work until `signal` aborts. Only the wait ends then: the work goes on for the others who
 * share it, and its result is kept for the next caller.
 *
 * @throws {PortalUnavailable} the signal aborted first; otherwise whatever the work throws
 */
export function waitFor<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    const giveUp = (): void =>
      reject(new PortalUnavailable('the caller stopped waiting', { cause: signal.reason }));
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    // Also when given up already: a failure of the work must not become an unhandled rejection.
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
