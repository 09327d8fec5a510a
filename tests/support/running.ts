import type { TestServers } from './servers';

interface Running {
  stops: (() => Promise<unknown>)[];
  /** What all projects of Jest share; started by the first that runs. */
  servers: TestServers | null;
}

/** What the global set-up has started, for the global tear-down: both run in the same module registry. */
export const running: Running = ((globalThis as { provisionerTests?: Running }).provisionerTests ??= {
  stops: [],
  servers: null,
});
