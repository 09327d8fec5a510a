import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Client } from 'pg';
import { ServiceClient } from '../../../support/client';
import { testEnvironment } from '../../../support/environment';
import { startServiceProcess } from '../../../support/serviceProcess';
import { createTemporalNamespace } from '../../../support/temporalServer';

/** A service with a database and a Temporal namespace that nothing else uses: its tables may be broken at will. */
export interface OwnService {
  client: ServiceClient;
  /** What the service has logged: one JSON object a line. */
  log(): string;
  /** Kills the process; with `start` it comes back on the same data, with these variables only. */
  kill(): Promise<void>;
  start(variables?: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
}

/**
 * @param name of the database, and the beginning of the Temporal namespace's: letters and underscores, one for each
 *   test file
 * @param prepare done to the Temporal namespace and the database before the service starts; may return another URL
 *   of the database for the service to use
 * @param variables of the environment, besides those that every service under test has
 */
export async function startOwnService(
  name: string,
  policy: 'compensate' | 'independent' = 'compensate',
  prepare: (temporalNamespace: string, databaseUrl: string) => Promise<string | void> = () =>
    Promise.resolve(),
  variables: Record<string, string> = {},
): Promise<OwnService> {
  const environment = testEnvironment();
  if (environment.schema !== '19.5') name = `${name}_${environment.schema}`;
  const dataDir = path.join(environment.directory, name);
  const [databaseUrl, temporalNamespace] = await Promise.all([
    createDatabase(environment.adminUrl, name),
    createTemporalNamespace(environment.temporalCli, environment.temporalAddress, name),
    mkdir(dataDir),
  ]);
  const urlOfService = (await prepare(temporalNamespace, databaseUrl)) ?? databaseUrl;
  const start = (more: Record<string, string>) =>
    startServiceProcess(
      {
        DATA_DIR: dataDir,
        GITLAB_DATABASE_URL: urlOfService,
        TEMPORAL_ADDRESS: environment.temporalAddress,
        TEMPORAL_NAMESPACE: temporalNamespace,
        TEMPORAL_UI_URL: 'http://temporal.example',
        PROVISION_FAILURE_POLICY: policy,
        PROVISION_WAIT_MS: '20000',
        ...more,
      },
      ['--only', 'api,worker'],
    );
  let service = await start(variables);
  const client = ServiceClient.for({
    apiUrl: service.apiUrl,
    databaseUrl,
    dataDir,
    temporalNamespace,
  });
  const stop = async () => {
    await client.close();
    await service.stop();
  };
  return {
    client,
    log: () => service.log(),
    kill: async () => void (await service.stop('SIGKILL')),
    start: async (more = {}) => void (service = await start(more)),
    stop,
  };
}

/** Makes a database with GitLab's tables. @returns its URL */
export async function createDatabase(adminUrl: string, name: string): Promise<string> {
  const { template } = testEnvironment();
  const admin = new Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  } finally {
    await admin.end();
  }
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}
