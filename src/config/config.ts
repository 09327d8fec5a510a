import os from 'node:os';
import path from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { z } from 'zod';
import {
  anyPort,
  hostAndPort,
  httpUrl,
  number,
  oneOf,
  optional,
  port,
  url,
  wholeNumber,
  days,
} from './fields';

/** The environment holds a value that cannot be used. One line, names the variable, never shows a secret. */
export class ConfigError extends Error {
  readonly code = 'config_invalid';
}

const databaseUrl = optional(url('postgres:', 'postgresql:'));

const WEBHOOK_SECRET = /^whsec_([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/;

/** Each setting: the variable of the environment that decides it, and what that may hold. */
const SETTINGS = {
  host: ['HOST', z.string().default('127.0.0.1')],
  port: ['PORT', port(3000)],
  /** Where an API serves its health, its metrics and the audit pages; null: on `port`. */
  adminPort: ['ADMIN_PORT', optional(anyPort)],
  /** Null: the embedded PostgreSQL. */
  gitlabDatabaseUrl: ['GITLAB_DATABASE_URL', databaseUrl],
  /** GitLab's CI database; null: its tables are in the main one. */
  gitlabCiDatabaseUrl: ['GITLAB_CI_DATABASE_URL', databaseUrl],
  /** Null: the embedded PostgreSQL. */
  customersDotDatabaseUrl: ['CUSTOMERS_DOT_DATABASE_URL', databaseUrl],
  customersDotPort: ['CUSTOMERS_DOT_PORT', port(3001)],
  /** Namespaces that CustomersDot's side provisions at the same time. */
  customersDotConcurrency: ['CUSTOMERS_DOT_CONCURRENCY', number(1, 100, 10)],
  /** Tries of one request to send a sync, the first one included; null: no limit. */
  customersDotMaxAttempts: ['CUSTOMERS_DOT_MAX_ATTEMPTS', optional(wholeNumber(1, 1_000))],
  /** Milliseconds before the second try; doubled with each further one. */
  customersDotRetryBaseMs: ['CUSTOMERS_DOT_RETRY_BASE_MS', number(1, 3_600_000, 2_000)],
  /** Where a worker without an API serves its health. */
  workerPort: ['WORKER_PORT', port(3002)],
  /** Names the worker's code to Temporal, which then uses worker versioning; null: it does not. */
  workerBuildId: ['WORKER_BUILD_ID', optional(z.string().max(200, 'must not be longer than 200 characters'))],
  /** Where CustomersDot's side posts to; null: the API of this data directory. */
  provisionApiUrl: ['PROVISION_API_URL', optional(httpUrl)],
  temporalAddress: ['TEMPORAL_ADDRESS', optional(hostAndPort)],
  /** The namespace to use on the local dev server. */
  temporalNamespace: ['TEMPORAL_NAMESPACE', z.string().default('default')],
  /** A `temporal` CLI to start the local dev server with; null: find or fetch one. */
  temporalCliPath: ['TEMPORAL_CLI_PATH', optional(z.string())],
  temporalUiUrl: ['TEMPORAL_UI_URL', optional(httpUrl)],
  /** The issuer of tokens; null: the service issues its own, for local use. */
  subscriptionPortalUrl: ['SUBSCRIPTION_PORTAL_URL', optional(httpUrl)],
  failurePolicy: ['PROVISION_FAILURE_POLICY', oneOf(['compensate', 'independent']).default('compensate')],
  /** Milliseconds that a whole request may take. */
  waitMs: ['PROVISION_WAIT_MS', number(100, 600_000, 10_000)],
  /** Milliseconds between a signal to stop and the end of taking requests. */
  shutdownDelayMs: ['SHUTDOWN_DELAY_MS', number(0, 10_000, 0)],
  auditUser: [
    'AUDIT_USER',
    optional(z.string().refine((value) => !value.includes(':'), { error: 'must not contain a colon' })),
  ],
  auditPassword: ['AUDIT_PASSWORD', optional(z.string())],
  /** Where the relay serves its health. */
  relayPort: ['RELAY_PORT', port(3003)],
  /** The Redis of GitLab's Sidekiq; null: the relay pushes no jobs. */
  sidekiqRedisUrl: ['OUTBOX_SIDEKIQ_REDIS_URL', optional(url('redis:', 'rediss:'))],
  sidekiqQueue: ['OUTBOX_SIDEKIQ_QUEUE', z.string().default('default')],
  webhookUrl: ['OUTBOX_WEBHOOK_URL', optional(httpUrl)],
  webhookSecret: [
    'OUTBOX_WEBHOOK_SECRET',
    optional(z.string().regex(WEBHOOK_SECRET, 'must be whsec_ and base64')),
  ],
  /** Milliseconds before the relay's second try; doubled with each further one. */
  outboxRetryBaseMs: ['OUTBOX_RETRY_BASE_MS', number(1, 3_600_000, 1_000)],
  /** Tries after which an event that is refused is set aside. */
  outboxMaxAttempts: ['OUTBOX_MAX_ATTEMPTS', number(1, 1_000, 25)],
  /** How many days `provisioner prune` keeps what is done. */
  keepForDays: ['KEEP_FOR', days('400d')],
  /** Absolute path. */
  dataDir: ['DATA_DIR', optional(z.string()).transform((value) => path.resolve(value ?? defaultDataDir()))],
  /** Where spans are sent to; null: nothing is traced. The exporter itself reads the rest of `OTEL_…`. */
  otlpEndpoint: ['OTEL_EXPORTER_OTLP_ENDPOINT', optional(httpUrl)],
  logLevel: [
    'LOG_LEVEL',
    oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  ],
  /** Null: for people where standard output is a terminal, else for programs. */
  logFormat: ['LOG_FORMAT', optional(oneOf(['json', 'pretty']))],
} as const satisfies Record<string, readonly [variable: string, schema: z.ZodType]>;

/** Every variable that is read, but for those that a library reads itself. */
export const VARIABLES: readonly string[] = Object.values(SETTINGS).map(([variable]) => variable);

type Settings = { [Name in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[Name][1]> };

/** Everything that the environment decides. */
export interface Config extends Omit<
  Settings,
  'auditUser' | 'auditPassword' | 'temporalAddress' | 'webhookUrl' | 'webhookSecret'
> {
  /** Null: the local dev server. */
  temporal: { connectionOptions: NativeConnectionOptions; namespace: string } | null;
  /** Who may read the audit pages; null: nobody, or on the embedded database a generated user. */
  audit: { user: string; password: string } | null;
  /** A receiver of Standard Webhooks; null: the relay posts none. */
  webhook: { url: string; secret: string } | null;
  /** Absolute path of the folder where a fetched `temporal` CLI is kept. */
  cacheDir: string;
}

/**
 * Reads the environment, once. An empty variable counts as unset.
 * @throws ConfigError naming every variable that is wrong
 */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  const env = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = z.object(Object.fromEntries(Object.values(SETTINGS))).safeParse(env);
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues.map(({ path: [name], message }) => `${String(name)} ${message}`).join('; '),
    );
  }
  const values = Object.entries(SETTINGS).map(([name, [variable]]) => [name, parsed.data[variable]]);
  const { auditUser, auditPassword, temporalAddress, webhookUrl, webhookSecret, ...settings } =
    Object.fromEntries(values) as Settings;
  void temporalAddress; // only checked: the SDK reads it
  if (settings.adminPort !== 0 && settings.adminPort === settings.port) {
    throw new ConfigError('ADMIN_PORT must be another port than PORT');
  }
  const withMode = (url: string | null) => withSslMode(url, env['PGSSLMODE']);
  return {
    ...settings,
    gitlabDatabaseUrl: withMode(settings.gitlabDatabaseUrl),
    gitlabCiDatabaseUrl: withMode(settings.gitlabCiDatabaseUrl),
    customersDotDatabaseUrl: withMode(settings.customersDotDatabaseUrl),
    temporal: temporalConfig(env as Record<string, string>, settings.temporalNamespace),
    audit: auditConfig(auditUser, auditPassword),
    webhook: webhookConfig(webhookUrl, webhookSecret),
    cacheDir: path.resolve(
      env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'),
      'namespace-provisioner',
    ),
  };
}

/** The same place seen from src/config (tests) and dist/config (compiled). */
const PROJECT = path.join(__dirname, '../..');

/** `.data`: of the project anywhere in its folder, else of the folder where the command was called. */
export function defaultDataDir(cwd = process.cwd()): string {
  const isInProject = !path.relative(PROJECT, cwd).split(path.sep).includes('..');
  return path.join(isInProject ? PROJECT : cwd, '.data');
}

/**
 * node-postgres would apply PGSSLMODE to every connection, but the embedded server has no TLS. So it becomes a part of the
 * configured servers' URLs.
 */
function withSslMode(value: string | null, sslMode: string | undefined): string | null {
  if (value === null) return null;
  const complete = new URL(value);
  if (sslMode === undefined || complete.searchParams.has('sslmode')) return value;
  complete.searchParams.set('sslmode', sslMode);
  return complete.href;
}

function auditConfig(user: string | null, password: string | null): Config['audit'] {
  if (user === null && password === null) return null;
  if (user !== null && password !== null) return { user, password };
  throw new ConfigError('AUDIT_USER and AUDIT_PASSWORD must be set both, or neither of them');
}

/** A server of ours is used when one is named, directly or through a profile of the Temporal configuration file. */
function temporalConfig(env: Record<string, string>, namespace: string): Config['temporal'] {
  const namesProfile = 'TEMPORAL_PROFILE' in env || 'TEMPORAL_CONFIG_FILE' in env;
  if (!('TEMPORAL_ADDRESS' in env) && !namesProfile) return null;
  try {
    const loaded = loadClientConnectConfig({ overrideEnvVars: env, disableFile: !namesProfile });
    if (!hostAndPort.optional().safeParse(loaded.connectionOptions.address).success) {
      throw new Error('the address must be host:port, without a user or a password');
    }
    return { connectionOptions: loaded.connectionOptions, namespace: loaded.namespace ?? namespace };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(
      `TEMPORAL_ADDRESS, TEMPORAL_PROFILE and the like do not make a connection: ${reason}`,
    );
  }
}

function webhookConfig(url: string | null, secret: string | null): Config['webhook'] {
  if (url === null) return null;
  if (secret !== null) return { url, secret };
  throw new ConfigError('OUTBOX_WEBHOOK_SECRET must be set with OUTBOX_WEBHOOK_URL: it signs what is posted');
}
