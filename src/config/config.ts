import os from 'node:os';
import path from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { z } from 'zod';
import type { FailurePolicy } from '../domain/sync';
import { anyPort, hostAndPort, httpUrl, number, oneOf, port, url, wholeNumber } from './fields';

/** Everything that the environment decides. */
export interface Config {
  host: string;
  port: number;
  /** Where an API serves its health, its metrics and the audit pages; null: on `port`. */
  adminPort: number | null;
  /** Null: the embedded PostgreSQL. */
  gitlabDatabaseUrl: string | null;
  /** GitLab's CI database; null: its tables are in the main one. */
  gitlabCiDatabaseUrl: string | null;
  /** Null: the embedded PostgreSQL. */
  customersDotDatabaseUrl: string | null;
  customersDot: CustomersDotConfig;
  /** Where a worker without an API serves its health. */
  workerPort: number;
  /** Names the worker's code to Temporal, whose worker versioning is then used; null: it is not. */
  workerBuildId: string | null;
  relay: RelayConfig;
  /** Where CustomersDot's side posts to; null: the API of this data directory. */
  provisionApiUrl: string | null;
  /** Null: the local dev server. */
  temporal: { connectionOptions: NativeConnectionOptions; namespace: string } | null;
  /** The namespace to use on the local dev server. */
  temporalNamespace: string;
  /** A `temporal` CLI to start the local dev server with; null: find or fetch one. */
  temporalCliPath: string | null;
  temporalUiUrl: string | null;
  /** The issuer of tokens; null: the service issues its own, for local use. */
  subscriptionPortalUrl: string | null;
  failurePolicy: FailurePolicy;
  /** Milliseconds that a request may take, all in all. */
  waitMs: number;
  /** Who may read the audit pages; null: nobody, or on the embedded database a user that is made once. */
  audit: { user: string; password: string } | null;
  /** Absolute path. */
  dataDir: string;
  /** Absolute path of the folder where a fetched `temporal` CLI is kept. */
  cacheDir: string;
  /** Milliseconds between a signal to stop and the end of taking requests. */
  shutdownDelayMs: number;
  logLevel: string;
  /** Null: for people where standard output is a terminal, else for programs. */
  logFormat: 'json' | 'pretty' | null;
  /** Where spans are sent to; null: nothing is traced. The rest of `OTEL_…` the exporter reads itself. */
  otlpEndpoint: string | null;
}

/** CustomersDot's side (contract 6). */
interface CustomersDotConfig {
  port: number;
  /** Namespaces that are provisioned at the same time. */
  concurrency: number;
  /** Tries of one request to send a sync, the first one included; null: no limit. */
  maxAttempts: number | null;
  /** Milliseconds before the second try; doubled with each further one. */
  retryBaseMs: number;
}

/** The relay of follow-up work (docs/relay.md). */
interface RelayConfig {
  /** Where it serves its health. */
  port: number;
  /** The Redis of GitLab's Sidekiq; null: no jobs are pushed. */
  sidekiq: { redisUrl: string; queue: string } | null;
  /** A receiver of Standard Webhooks; null: none is posted. */
  webhook: { url: string; secret: string } | null;
  /** Milliseconds before the second try; doubled with each further one. */
  retryBaseMs: number;
  /** Tries after which an event that is refused is set aside. */
  maxAttempts: number;
}

/** The environment holds a value that cannot be used. One line, names the variable, never shows a secret. */
export class ConfigError extends Error {
  readonly code = 'config_invalid';
}

const databaseUrl = url('postgres:', 'postgresql:');
const WEBHOOK_SECRET = /^whsec_([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$/;

const schema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: port(3000),
  ADMIN_PORT: anyPort.optional(),
  GITLAB_DATABASE_URL: databaseUrl.optional(),
  GITLAB_CI_DATABASE_URL: databaseUrl.optional(),
  CUSTOMERS_DOT_DATABASE_URL: databaseUrl.optional(),
  CUSTOMERS_DOT_PORT: port(3001),
  CUSTOMERS_DOT_CONCURRENCY: number(1, 100, 10),
  CUSTOMERS_DOT_MAX_ATTEMPTS: wholeNumber(1, 1_000).optional(),
  CUSTOMERS_DOT_RETRY_BASE_MS: number(1, 3_600_000, 2_000),
  WORKER_PORT: port(3002),
  WORKER_BUILD_ID: z.string().max(200, 'must not be longer than 200 characters').optional(),
  RELAY_PORT: port(3003),
  OUTBOX_SIDEKIQ_REDIS_URL: url('redis:', 'rediss:').optional(),
  OUTBOX_SIDEKIQ_QUEUE: z.string().default('default'),
  OUTBOX_WEBHOOK_URL: httpUrl.optional(),
  OUTBOX_WEBHOOK_SECRET: z.string().regex(WEBHOOK_SECRET, 'must be whsec_ and base64').optional(),
  OUTBOX_RETRY_BASE_MS: number(1, 3_600_000, 1_000),
  OUTBOX_MAX_ATTEMPTS: number(1, 1_000, 25),
  PROVISION_API_URL: httpUrl.optional(),
  TEMPORAL_ADDRESS: hostAndPort.optional(),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  TEMPORAL_CLI_PATH: z.string().optional(),
  TEMPORAL_UI_URL: httpUrl.optional(),
  SUBSCRIPTION_PORTAL_URL: httpUrl.optional(),
  PROVISION_FAILURE_POLICY: oneOf(['compensate', 'independent']).default('compensate'),
  PROVISION_WAIT_MS: number(100, 600_000, 10_000),
  SHUTDOWN_DELAY_MS: number(0, 10_000, 0),
  AUDIT_USER: z
    .string()
    .refine((value) => !value.includes(':'), { error: 'must not contain a colon' })
    .optional(),
  AUDIT_PASSWORD: z.string().optional(),
  DATA_DIR: z.string().optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  LOG_FORMAT: oneOf(['json', 'pretty']).optional(),
});

/**
 * Reads the environment, once. An empty variable counts as unset.
 * @throws ConfigError naming every variable that is wrong
 */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  const env = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues.map(({ path: [name], message }) => `${String(name)} ${message}`).join('; '),
    );
  }
  const values = parsed.data;
  return {
    host: values.HOST,
    port: values.PORT,
    adminPort: adminPort(values.ADMIN_PORT, values.PORT),
    gitlabDatabaseUrl: withSslMode(values.GITLAB_DATABASE_URL, env['PGSSLMODE']),
    gitlabCiDatabaseUrl: withSslMode(values.GITLAB_CI_DATABASE_URL, env['PGSSLMODE']),
    customersDotDatabaseUrl: withSslMode(values.CUSTOMERS_DOT_DATABASE_URL, env['PGSSLMODE']),
    customersDot: {
      port: values.CUSTOMERS_DOT_PORT,
      concurrency: values.CUSTOMERS_DOT_CONCURRENCY,
      maxAttempts: values.CUSTOMERS_DOT_MAX_ATTEMPTS ?? null,
      retryBaseMs: values.CUSTOMERS_DOT_RETRY_BASE_MS,
    },
    workerPort: values.WORKER_PORT,
    workerBuildId: values.WORKER_BUILD_ID ?? null,
    relay: {
      port: values.RELAY_PORT,
      sidekiq:
        values.OUTBOX_SIDEKIQ_REDIS_URL === undefined
          ? null
          : { redisUrl: values.OUTBOX_SIDEKIQ_REDIS_URL, queue: values.OUTBOX_SIDEKIQ_QUEUE },
      webhook: webhookConfig(values.OUTBOX_WEBHOOK_URL, values.OUTBOX_WEBHOOK_SECRET),
      retryBaseMs: values.OUTBOX_RETRY_BASE_MS,
      maxAttempts: values.OUTBOX_MAX_ATTEMPTS,
    },
    provisionApiUrl: values.PROVISION_API_URL ?? null,
    temporal: temporalConfig(env as Record<string, string>, values.TEMPORAL_NAMESPACE),
    temporalNamespace: values.TEMPORAL_NAMESPACE,
    temporalCliPath: values.TEMPORAL_CLI_PATH ?? null,
    temporalUiUrl: values.TEMPORAL_UI_URL ?? null,
    subscriptionPortalUrl: values.SUBSCRIPTION_PORTAL_URL ?? null,
    failurePolicy: values.PROVISION_FAILURE_POLICY,
    waitMs: values.PROVISION_WAIT_MS,
    audit: auditConfig(values.AUDIT_USER, values.AUDIT_PASSWORD),
    dataDir: values.DATA_DIR === undefined ? defaultDataDir() : path.resolve(values.DATA_DIR),
    cacheDir: path.resolve(
      env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'),
      'namespace-provisioner',
    ),
    shutdownDelayMs: values.SHUTDOWN_DELAY_MS,
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT ?? null,
    otlpEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
  };
}

function adminPort(own: number | undefined, port: number): number | null {
  if (own === undefined) return null;
  if (own !== 0 && own === port) throw new ConfigError('ADMIN_PORT must be another port than PORT');
  return own;
}

/** The same place seen from src/config (tests) and dist/config (compiled). */
const PROJECT = path.join(__dirname, '../..');

/** `.data`: of the project anywhere in its folder, else of the folder where the command was called. */
export function defaultDataDir(cwd = process.cwd()): string {
  const isInProject = !path.relative(PROJECT, cwd).split(path.sep).includes('..');
  return path.join(isInProject ? PROJECT : cwd, '.data');
}

/**
 * node-postgres would look at PGSSLMODE for every connection, and the embedded server has no TLS. It is meant for the
 * servers that are configured, so it becomes a part of their URLs.
 */
function withSslMode(value: string | undefined, sslMode: string | undefined): string | null {
  if (value === undefined) return null;
  const complete = new URL(value);
  if (sslMode === undefined || complete.searchParams.has('sslmode')) return value;
  complete.searchParams.set('sslmode', sslMode);
  return complete.href;
}

function webhookConfig(url: string | undefined, secret: string | undefined): RelayConfig['webhook'] {
  if (url === undefined) return null;
  if (secret !== undefined) return { url, secret };
  throw new ConfigError('OUTBOX_WEBHOOK_SECRET must be set with OUTBOX_WEBHOOK_URL: it signs what is posted');
}

function auditConfig(user: string | undefined, password: string | undefined): Config['audit'] {
  if (user === undefined && password === undefined) return null;
  if (user !== undefined && password !== undefined) return { user, password };
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
