import type { Config } from '../config/config';

/** Milliseconds that running requests get when the service is stopped. */
export function graceMs({ gitlabDatabaseUrl }: Pick<Config, 'gitlabDatabaseUrl'>): number {
  // Local servers end with us, and people who press Ctrl-C wait; elsewhere running requests get their time.
  return gitlabDatabaseUrl === null ? 3_000 : 20_000;
}
