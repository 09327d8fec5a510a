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
