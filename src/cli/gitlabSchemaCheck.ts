import type { Logger } from 'pino';
import type { Pool } from 'pg';
import { CheckFailed, type HealthCheck } from '../api/health';
import { checkGitlabDatabase, type Difference, type Usage } from '../db/gitlabCheck';
import { explain, StartError } from './startError';

// Several probes ask every few seconds, and GitLab's tables rarely change.
const KEEP_MS = 10_000;

/**
 * Compares GitLab's tables with what this process needs, once now.
 * @returns the check for the readiness, which notices when that changes later
 * @throws StartError with a line for each difference
 */
export async function openSchemaCheck(pool: Pool, usage: Usage, log: Logger): Promise<HealthCheck> {
  const look = () => checkGitlabDatabase(pool, usage);
  const differences = await explain(look(), 'GITLAB_DATABASE_URL cannot be used');
  for (const { severity, line } of differences) {
    if (severity === 'warning')
      log.warn({ difference: line }, 'the database of GitLab has something that is not known');
  }
  const errors = errorsOf(differences);
  if (errors.length > 0)
    throw new StartError(errors.map((line) => `GITLAB_DATABASE_URL: ${line}`).join('\n'));

  let last = { at: performance.now(), lines: Promise.resolve(errors) };
  return async () => {
    if (performance.now() - last.at > KEEP_MS) last = { at: performance.now(), lines: look().then(errorsOf) };
    const lines = await last.lines;
    if (lines.length > 0) throw new CheckFailed(lines);
  };
}

function errorsOf(differences: Difference[]): string[] {
  return differences.filter(({ severity }) => severity === 'error').map(({ line }) => line);
}
