#!/usr/bin/env node
import './nodeVersion'; // first: what follows does not even load on a Node that is too old
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { Command } from 'commander';
import { migrateCustomersDot } from '../cdot/migrate';
import { ResyncRefused } from '../cdot/syncs';
import { ConfigError, loadConfig } from '../config/config';
import { shieldLocalServers } from '../config/shell';
import { migrateProvisioning } from '../db/migrate';
import { EventsUnknown } from '../db/setAside';
import { SigningKeysDamaged } from '../issuer/keys';
import { RotationRefused } from '../issuer/rotate';
import { LocalServerError } from '../local/errors';
import { checkCommand } from './checkCommand';
import { dataDirCommands } from './dataDirCommands';
import { findGitlabUrl, notConfigured } from './databases';
import { exit, hasNoReader } from './ending';
import { outboxCommand } from './outboxCommand';
import { PARTS } from './parts';
import { pruneCommand } from './pruneCommand';
import { ReconcileRefused } from './reconcile';
import { reconcileCommand } from './reconcileCommand';
import { parseParts, start } from './start';
import { StartError } from './startError';
import { syncCommands } from './syncCommands';

// The only place that reads process.env: everything else gets what it needs as arguments.
const environment = { ...process.env };

// The SDK's core would have a thread for each processor. One serves more syncs than Node's own, costs less, and lets the
// steps of a run answer in their order.
if (process.env['TOKIO_WORKER_THREADS'] === undefined) process.env['TOKIO_WORKER_THREADS'] = '1';

shieldLocalServers(process.env);

// What is written is for its own user. As root, PostgreSQL runs as another one, which has to pass through folders.
process.umask(process.getuid?.() === 0 ? 0o066 : 0o077);

const ENVIRONMENT_HELP = `
Environment:
  HOST, PORT                  where the API listens (127.0.0.1, 3000)
  ADMIN_PORT                  where the API serves health, metrics and audit pages; unset: on PORT
  GITLAB_DATABASE_URL         GitLab's PostgreSQL; unset: an embedded one
  GITLAB_CI_DATABASE_URL      GitLab's CI database, where that is another one; unset: the main one
  CUSTOMERS_DOT_DATABASE_URL  CustomersDot's PostgreSQL; unset: the embedded one
  CUSTOMERS_DOT_PORT          where CustomersDot's side serves its health and its keys (3001)
  CUSTOMERS_DOT_CONCURRENCY   namespaces that it provisions at the same time (10)
  CUSTOMERS_DOT_MAX_ATTEMPTS  how often it tries to send a sync at most; unset: no limit
  CUSTOMERS_DOT_RETRY_BASE_MS its wait before the second try, doubled with each further one (2000)
  WORKER_PORT                 where a worker without an API serves its health (3002)
  WORKER_BUILD_ID             the version of the worker's code, for Temporal's worker versioning; unset: unversioned
  RELAY_PORT                  where the relay serves its health (3003)
  OUTBOX_SIDEKIQ_REDIS_URL    the Redis of GitLab's Sidekiq, which follow-up work is pushed to; unset: it is not
  OUTBOX_SIDEKIQ_QUEUE        the queue of these jobs (default)
  OUTBOX_WEBHOOK_URL          where follow-up work is posted to as Standard Webhooks; unset: it is not
  OUTBOX_WEBHOOK_SECRET       what signs them: whsec_ and base64
  OUTBOX_RETRY_BASE_MS        the relay's wait before the second try, doubled with each further one (1000)
  OUTBOX_MAX_ATTEMPTS         tries after which an event that is refused is set aside (25)
  TEMPORAL_ADDRESS            Temporal, with TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_…; unset: a local server
  TEMPORAL_CLI_PATH           the temporal CLI that runs the local server; unset: found or fetched
  TEMPORAL_UI_URL             the Temporal UI that answers link to
  SUBSCRIPTION_PORTAL_URL     the issuer of tokens; unset: this service issues its own
  PROVISION_FAILURE_POLICY    compensate (all or nothing) or independent
  PROVISION_WAIT_MS           how long a request may take before it is answered 503 (10000)
  PROVISION_API_URL           where CustomersDot's side posts to; unset: the API on the same DATA_DIR
  SHUTDOWN_DELAY_MS           how long an API that is to stop still takes requests, not being ready (0)
  AUDIT_USER, AUDIT_PASSWORD  who may read the audit pages; unset: not served, but on the embedded database made once
  KEEP_FOR                    how long "provisioner prune" keeps what is done (400d)
  DATA_DIR                    data of the embedded servers, signing keys (.data)
  LOG_LEVEL                   trace, debug, info, warn, error, fatal or silent (info)
  LOG_FORMAT                  json or pretty; unset: pretty on a terminal, else json
  OTEL_EXPORTER_OTLP_ENDPOINT where spans are sent to, with other OTEL_…; unset: nothing is traced`;

let isService = false;

const program = new Command('provisioner')
  .description(
    'Provisions GitLab namespaces with what CustomersDot sold: one sync, all or nothing, on Temporal.',
  )
  .option('-V, --version', 'print the version')
  .on('option:version', () => {
    console.log(`${packageVersion()} (Node ${process.versions.node})`);
    process.exit(0);
  })
  .option('--data-dir <folder>', 'the same as DATA_DIR')
  .hook('preAction', (command) => {
    const { dataDir } = command.opts<{ dataDir?: string }>();
    if (dataDir !== undefined) environment['DATA_DIR'] = dataDir;
  })
  .addHelpText('after', ENVIRONMENT_HELP)
  .showHelpAfterError('(provisioner --help lists what there is)');

program
  .command('start')
  .description('Runs the service, and the PostgreSQL and Temporal it needs where none is configured.')
  .option('--only <parts>', `run only these parts, separated by commas: ${PARTS.join(', ')}`, parseParts, [
    ...PARTS,
  ])
  .addHelpText('after', ENVIRONMENT_HELP)
  .action(async ({ only }: { only: (typeof PARTS)[number][] }) => {
    isService = true;
    exit(await start(loadConfig(environment), environment, only));
  });

program
  .command('migrate')
  .description(
    "Brings the schema provisioning of GITLAB_DATABASE_URL up to date, and the tables in CUSTOMERS_DOT_DATABASE_URL if that is set. GitLab's own tables stay as they are.",
  )
  .action(async () => {
    const config = loadConfig(environment);
    const url = await findGitlabUrl(config);
    const customersDotUrl = config.customersDotDatabaseUrl;
    if (url === null && customersDotUrl === null) throw notConfigured('GITLAB_DATABASE_URL');
    const report = (applied: string[]) =>
      applied.length === 0 ? 'Up to date.' : `Applied ${applied.join(', ')}.`;
    if (url !== null) console.log(report(await migrateProvisioning(url, console.error)));
    if (customersDotUrl !== null) {
      const applied = await migrateCustomersDot(customersDotUrl, console.error);
      console.log(`CustomersDot's database: ${report(applied)}`);
    }
  });

program.addCommand(checkCommand(environment));
for (const command of [...dataDirCommands(environment), ...syncCommands(environment)])
  program.addCommand(command);
program.addCommand(pruneCommand(environment));
program.addCommand(reconcileCommand(environment));
program.addCommand(outboxCommand(environment));

// A reader may stop early, as "| head" does. A service handles that itself, as it has servers to stop first.
for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: Error) => isService || process.exit(hasNoReader(error) ? 0 : 1));
}

program.parseAsync().catch((error: unknown) => {
  const isOfTheSystem = /^E[A-Z]+$/.test(String((error as NodeJS.ErrnoException).code)); // e.g. a file that cannot be written
  const isExpected = [
    ConfigError,
    LocalServerError,
    StartError,
    SigningKeysDamaged,
    RotationRefused,
    ResyncRefused,
    ReconcileRefused,
    EventsUnknown,
  ].some((kind) => error instanceof kind);
  const text = isExpected || isOfTheSystem ? (error as Error).message : describeUnexpected(error);
  for (const line of text.split('\n')) console.error(`provisioner: ${line}`);
  process.exit(1);
});

function describeUnexpected(error: unknown): string {
  if (['debug', 'trace'].includes(String(environment['LOG_LEVEL']))) return inspect(error);
  return `unexpected error: ${String(error).split('\n', 1)[0]} (LOG_LEVEL=debug shows where)`;
}

function packageVersion(): string {
  const file = path.join(__dirname, '../../package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
