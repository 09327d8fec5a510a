/** What the global set-up has started, for the global tear-down: both run in the same module registry. */
export const running: { stops: (() => Promise<unknown>)[] } = ((
  globalThis as { provisionerTests?: { stops: (() => Promise<unknown>)[] } }
).provisionerTests ??= { stops: [] });
