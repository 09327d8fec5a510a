import { Command, InvalidArgumentError } from 'commander';
import { PRUNABLE as CUSTOMERS_DOT } from '../cdot/prunable';
import { ConfigError, loadConfig } from '../config/config';
import { parseDays } from '../config/fields';
import { createPool } from '../db/pool';
import { PRUNABLE as PROVISIONING } from '../db/prunable';
import { pruneTable, type PrunableTable } from '../db/prune';
import { PRUNE, setPruneSchedule } from './pruneSchedule';
import { findRuntime } from './runtimeFile';
import { explain } from './startError';
import { processTerminal, type Terminal } from './terminal';

/** As shells know a program that Ctrl-C has ended. */
const STOPPED = 130;

interface Options {
  olderThan?: number;
  dryRun?: boolean;
  schedule?: string;
}

interface Work extends Pick<Parameters<typeof pruneTable>[2], 'keepFor' | 'isDryRun' | 'stopping'> {
  terminal: Terminal;
}

/** The command `prune`: deletes what is old and needed by nobody from the ledger, the outbox and CustomersDot's tables. */
export function pruneCommand(environment: NodeJS.ProcessEnv): Command {
  const terminal = processTerminal(environment);
  return new Command('prune')
    .description(
      'Deletes old rows of the ledger and the outbox, and those of CustomersDot, that nobody needs any more. It can be stopped and called again at any time, and while the service is at work.',
    )
    .option('--older-than <days>', 'rows that are older than this, e.g. 400d; without it KEEP_FOR', days)
    .option('--dry-run', 'only count them')
    .option(
      '--schedule <cron>',
      'has Temporal do it for the ledger and the outbox, e.g. "30 2 * * *" in UTC; "off" ends that',
    )
    .action(async ({ olderThan, dryRun = false, schedule }: Options) => {
      const config = loadConfig(environment);
      if (schedule !== undefined) {
        const cron = schedule === 'off' ? null : schedule;
        await setPruneSchedule(config, cron, olderThan ?? config.keepForDays);
        terminal.print(
          cron === null ? 'Temporal prunes no more.' : `Temporal prunes at ${cron} (UTC): Schedule ${PRUNE}.`,
        );
        return;
      }
      const runtime = await findRuntime(config.dataDir);
      const stopping = stopped();
      const keepFor = `${olderThan ?? config.keepForDays} days`;
      const work = { keepFor, isDryRun: dryRun, stopping, terminal };
      const gitlabUrl = config.gitlabDatabaseUrl ?? runtime.gitlabDatabaseUrl;
      const customersDotUrl = config.customersDotDatabaseUrl ?? runtime.customersDotDatabaseUrl;
      if (gitlabUrl === null && customersDotUrl === null) {
        throw new ConfigError(
          'Neither GITLAB_DATABASE_URL nor CUSTOMERS_DOT_DATABASE_URL is set and no service runs here: set one, or run "npm start" first',
        );
      }
      if (gitlabUrl !== null) await pruneDatabase('GITLAB_DATABASE_URL', gitlabUrl, PROVISIONING, work);
      if (customersDotUrl !== null) {
        await pruneDatabase('CUSTOMERS_DOT_DATABASE_URL', customersDotUrl, CUSTOMERS_DOT, work);
      }
      if (!stopping.aborted) return;
      terminal.progress('Stopped: what is deleted stays deleted, and the next call goes on.');
      process.exitCode = STOPPED;
    });
}

async function pruneDatabase(
  variable: string,
  url: string,
  tables: PrunableTable[],
  work: Work,
): Promise<void> {
  const { keepFor, isDryRun, terminal } = work;
  const pool = createPool({ url, applicationName: 'provisioner prune', max: 1, onError: () => undefined });
  try {
    for (const table of tables) {
      if (work.stopping.aborted) return;
      const onProgress = (rows: number) => terminal.progress(`${table.name}: ${rows} rows so far`);
      const rows = await explain(
        pruneTable(pool, table, { ...work, onProgress }),
        `${variable} cannot be used`,
      );
      terminal.print(
        `${table.name}: ${rows} rows older than ${keepFor} ${isDryRun ? 'would go' : 'deleted'}`,
      );
    }
  } finally {
    await pool.end();
  }
}

/** Aborts on a signal to stop: the batch that runs is finished first. */
function stopped(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}

function days(value: string): number {
  const parsed = parseDays(value);
  if (parsed !== null) return parsed;
  throw new InvalidArgumentError('It takes a number of days from 1d to 36500d.');
}
