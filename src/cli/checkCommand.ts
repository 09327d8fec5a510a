import { Command } from 'commander';
import { loadConfig } from '../config/config';
import { checkCiDatabase, checkGitlabDatabase, type Difference } from '../db/gitlabCheck';
import { findGitlabUrl, notConfigured, withGitlabDatabase } from './databases';
import { PARTS, type Part } from './parts';
import { gaps } from '../relay/events';
import { sinksOf } from './relayPart';
import { parseParts } from './start';
import { paint, processTerminal } from './terminal';

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
  const url = await findGitlabUrl(config);
  if (url === null) throw notConfigured('GITLAB_DATABASE_URL');
  const audits = parts.includes('api') && (config.audit !== null || config.gitlabDatabaseUrl === null);
  const usage = { writes: parts.includes('worker'), audits, hasCi: ciUrl === null };
  return [
    ...(looksIntoGitlab(parts)
      ? await withGitlabDatabase('GITLAB_DATABASE_URL', url, (pool) => checkGitlabDatabase(pool, usage))
      : []),
    ...(ciUrl === null || !usage.writes
      ? []
      : await withGitlabDatabase('GITLAB_CI_DATABASE_URL', ciUrl, checkCiDatabase)),
    ...(parts.includes('relay') ? gaps(sinksOf(config).map(({ name }) => name)) : []).map(
      (line): Difference => ({ severity: 'warning', line }),
    ),
  ];
}
