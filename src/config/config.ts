import os from 'node:os';
import path from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { z } from 'zod';
import type { FailurePolicy } from '../domain/sync';

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

/** The environment holds a value that cannot be used. One line, names the variable, never shows a secret. */
export class ConfigError extends Error {
  readonly code = 'config_invalid';
}

const url = (...protocols: string[]) =>
  z
    .string()
    .refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
      error: `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    })
    .optional();

const wholeNumber = (from: number, to: number) =>
  z
    .string()
    .refine((value) => /^\d+$/.test(value) && Number(value) >= from && Number(value) <= to, {
      error: `must be a whole number from ${from} to ${to}`,
    })
    .transform(Number);

const number = (from: number, to: number, fallback: number) => wholeNumber(from, to).default(fallback);

const oneOf = <Value extends string>(values: readonly [Value, ...Value[]], fallback: NoInfer<Value>) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` }).default(fallback);

const schema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: number(0, 65_535, 3000),
  ADMIN_PORT: wholeNumber(0, 65_535).optional(),
  GITLAB_DATABASE_URL: url('postgres:', 'postgresql:'),
  GITLAB_CI_DATABASE_URL: url('postgres:', 'postgresql:'),
  CUSTOMERS_DOT_DATABASE_URL: url('postgres:', 'postgresql:'),
  CUSTOMERS_DOT_PORT: number(0, 65_535, 3001),
  CUSTOMERS_DOT_CONCURRENCY: number(1, 100, 10),
  CUSTOMERS_DOT_MAX_ATTEMPTS: wholeNumber(1, 1_000).optional(),
  CUSTOMERS_DOT_RETRY_BASE_MS: number(1, 3_600_000, 2_000),
  WORKER_PORT: number(0, 65_535, 3002),
  WORKER_BUILD_ID: z.string().max(200, 'must not be longer than 200 characters').optional(),
  PROVISION_API_URL: url('http:', 'https:'),
  TEMPORAL_ADDRESS: z.string().optional(),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  TEMPORAL_CLI_PATH: z.string().optional(),
  TEMPORAL_UI_URL: url('http:', 'https:'),
  SUBSCRIPTION_PORTAL_URL: url('http:', 'https:'),
  PROVISION_FAILURE_POLICY: oneOf(['compensate', 'independent'], 'compensate'),
  PROVISION_WAIT_MS: number(100, 600_000, 10_000),
  SHUTDOWN_DELAY_MS: number(0, 10_000, 0),
  AUDIT_USER: z
    .string()
    .refine((value) => !value.includes(':'), { error: 'must not contain a colon' })
    .optional(),
  AUDIT_PASSWORD: z.string().optional(),
  DATA_DIR: z.string().default('.data'),
  OTEL_EXPORTER_OTLP_ENDPOINT: url('http:', 'https:'),
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info'),
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
    gitlabDatabaseUrl: values.GITLAB_DATABASE_URL ?? null,
    gitlabCiDatabaseUrl: values.GITLAB_CI_DATABASE_URL ?? null,
    customersDotDatabaseUrl: values.CUSTOMERS_DOT_DATABASE_URL ?? null,
    customersDot: {
      port: values.CUSTOMERS_DOT_PORT,
      concurrency: values.CUSTOMERS_DOT_CONCURRENCY,
      maxAttempts: values.CUSTOMERS_DOT_MAX_ATTEMPTS ?? null,
      retryBaseMs: values.CUSTOMERS_DOT_RETRY_BASE_MS,
    },
    workerPort: values.WORKER_PORT,
    workerBuildId: values.WORKER_BUILD_ID ?? null,
    provisionApiUrl: values.PROVISION_API_URL ?? null,
    temporal: temporalConfig(env as Record<string, string>, values.TEMPORAL_NAMESPACE),
    temporalNamespace: values.TEMPORAL_NAMESPACE,
    temporalCliPath: values.TEMPORAL_CLI_PATH ?? null,
    temporalUiUrl: values.TEMPORAL_UI_URL ?? null,
    subscriptionPortalUrl: values.SUBSCRIPTION_PORTAL_URL ?? null,
    failurePolicy: values.PROVISION_FAILURE_POLICY,
    waitMs: values.PROVISION_WAIT_MS,
    audit: auditConfig(values.AUDIT_USER, values.AUDIT_PASSWORD),
    dataDir: path.resolve(values.DATA_DIR),
    cacheDir: path.join(env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'), 'namespace-provisioner'),
    shutdownDelayMs: values.SHUTDOWN_DELAY_MS,
    logLevel: values.LOG_LEVEL,
    otlpEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
  };
}

function adminPort(own: number | undefined, port: number): number | null {
  if (own === undefined) return null;
  if (own !== 0 && own === port) throw new ConfigError('ADMIN_PORT must be another port than PORT');
  return own;
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
    return { connectionOptions: loaded.connectionOptions, namespace: loaded.namespace ?? namespace };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(
      `TEMPORAL_ADDRESS, TEMPORAL_PROFILE and the like do not make a connection: ${reason}`,
    );
  }
}
