import { Command } from 'commander';
import { loadConfig } from '../config/config';
import { findGitlabUrl, notConfigured, withCustomersDotDatabase, withPool } from './databases';
import { reconcile } from './reconcile';
import { explain } from './startError';
import { processTerminal } from './terminal';

/** The command `reconcile`: brings both databases together again after a restore. */
export function reconcileCommand(environment: NodeJS.ProcessEnv): Command {
  const terminal = processTerminal(environment);
  return new Command('reconcile')
    .description(
      "After GitLab's or CustomersDot's database was restored to an older moment: has ids of new syncs go on above those that GitLab has seen, and sends again what one side knows and the other does not. Exit code 1 when something cannot be told.",
    )
    .option('--dry-run', 'only say what would be done')
    .action(async ({ dryRun = false }: { dryRun?: boolean }) => {
      const config = loadConfig(environment);
      const url = await findGitlabUrl(config);
      if (url === null) throw notConfigured('GITLAB_DATABASE_URL');
      const { sent, underWay, lost } = await withPool(url, async (gitlab) => {
        const look = gitlab.query('SELECT FROM provisioning.fences LIMIT 1');
        await explain(look, 'GITLAB_DATABASE_URL cannot be used');
        return withCustomersDotDatabase(config, terminal, (customersDot) =>
          reconcile({ gitlab, customersDot, isDryRun: dryRun, onLine: terminal.print }),
        );
      });
      if (sent + lost === 0) terminal.print('Both sides know the same of each namespace.');
      if (underWay > 0) {
        terminal.progress(
          `${underWay} newest syncs are still to be sent or being sent: call it again afterwards.`,
        );
      }
      process.exitCode = lost === 0 ? 0 : 1;
    });
}
