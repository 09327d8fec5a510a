import { Command } from 'commander';
import { ConfigError, loadConfig } from '../config/config';
import { checkCiDatabase, checkGitlabDatabase, type Difference } from '../db/gitlabCheck';
import { createPool } from '../db/pool';
import { requireOwnSessions } from './ownSessions';
import { PARTS, type Part } from './parts';
import { gaps } from '../relay/events';
import { sinksOf } from './relayPart';
import { findRuntime } from './runtimeFile';
import { parseParts } from './start';
import { orExplain } from './startError';
import { paint } from './table';
import { processTerminal } from './terminal';

/** The command `check`: whether GitLab's databases are as the service needs them. */
export function checkCommand(environment: NodeJS.ProcessEnv): Command {
  const terminal = processTerminal(environment);
  return new Command('check')
    .description(
      "Compares GitLab's databases with what the service needs; exit code 1 when something is wrong.",
    )
    .option('--only <parts>', `what these parts need: ${PARTS.join(', ')}`, parseParts, [...PARTS])
    .action(async ({ only }: { only: Part[] }) => {
      const differences = await findDifferences(environment, only);
      for (const { severity, line } of differences) {
        const colour = severity === 'error' ? 'red' : 'yellow';
        terminal.print(`${paint(severity, colour, terminal.isColoured)}: ${line}`);
      }
      const isWrong = differences.some(({ severity }) => severity === 'error');
      if (!isWrong && looksIntoGitlab(only)) terminal.print("GitLab's database is as the service needs it.");
      process.exitCode = isWrong ? 1 : 0;
    });
}

/** Whether one of these parts touches a table of GitLab. The relay has none but those of the schema provisioning. */
const looksIntoGitlab = (parts: Part[]) => parts.some((part) => part !== 'relay');

async function findDifferences(environment: NodeJS.ProcessEnv, parts: Part[]): Promise<Difference[]> {
  const config = loadConfig(environment);
  const { gitlabCiDatabaseUrl: ciUrl } = config;
  const url = config.gitlabDatabaseUrl ?? (await findRuntime(config.dataDir)).gitlabDatabaseUrl;
  if (url === null) {
    throw new ConfigError(
      'GITLAB_DATABASE_URL is not set and no service runs here: set it, or run "npm start" first',
    );
  }
  const audits = parts.includes('api') && (config.audit !== null || config.gitlabDatabaseUrl === null);
  const usage = { writes: parts.includes('worker'), audits, hasCi: ciUrl === null };
  return [
    ...(looksIntoGitlab(parts)
      ? await lookInto('GITLAB_DATABASE_URL', url, (pool) => checkGitlabDatabase(pool, usage))
      : []),
    ...(ciUrl === null || !usage.writes
      ? []
      : await lookInto('GITLAB_CI_DATABASE_URL', ciUrl, checkCiDatabase)),
    ...(parts.includes('relay') ? gaps(sinksOf(config).map(({ name }) => name)) : []).map(
      (line): Difference => ({ severity: 'warning', line }),
    ),
  ];
}

async function lookInto(
  variable: string,
  url: string,
  check: (pool: ReturnType<typeof createPool>) => Promise<Difference[]>,
): Promise<Difference[]> {
  await requireOwnSessions(variable, url);
  const pool = createPool({ url, applicationName: 'provisioner check', max: 1, onError: () => undefined });
  try {
    return await orExplain(check(pool), `${variable} cannot be used`);
  } finally {
    await pool.end();
  }
}
