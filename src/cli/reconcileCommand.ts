import { Command } from 'commander';
import { ConfigError, loadConfig } from '../config/config';
import { createPool } from '../db/pool';
import { withCustomersDotDatabase } from './customersDotDatabase';
import { reconcile } from './reconcile';
import { findRuntime } from './runtimeFile';
import { orExplain } from './startError';
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
      const url = config.gitlabDatabaseUrl ?? (await findRuntime(config.dataDir)).gitlabDatabaseUrl;
      if (url === null) {
        throw new ConfigError(
          'GITLAB_DATABASE_URL is not set and no service runs here: set it, or run "npm start" first',
        );
      }
      const gitlab = createPool({ url, applicationName: 'provisioner', max: 1, onError: () => undefined });
      try {
        await orExplain(
          gitlab.query('SELECT FROM provisioning.fences LIMIT 1'),
          'GITLAB_DATABASE_URL cannot be used',
        );
        const { sent, underWay, lost } = await withCustomersDotDatabase(config, terminal, (customersDot) =>
          reconcile({ gitlab, customersDot, isDryRun: dryRun, onLine: terminal.print }),
        );
        if (sent + lost === 0) terminal.print('Both sides know the same of each namespace.');
        if (underWay > 0) {
          terminal.progress(
            `${underWay} newest syncs are still to be sent or being sent: call it again afterwards.`,
          );
        }
        process.exitCode = lost === 0 ? 0 : 1;
      } finally {
        await gitlab.end();
      }
    });
}
