import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { AUDITOR, ENVIRONMENT_VARIABLE, type TestEnvironment } from './environment';
import { installFaults } from './faults';
import { createGitlabDatabase, startServers } from './servers';
import { startServiceProcess } from './serviceProcess';
import { createTemporalNamespace } from './temporalServer';
import globalTeardown from './globalTeardown';
import { running } from './running';
import { LOG_FOLDER } from './testLog';

/** Starts what every service test shares: PostgreSQL, Temporal, and the service once for each failure policy. */
export default async function globalSetup(): Promise<void> {
  try {
    await startAll();
  } catch (error) {
    await globalTeardown(); // Jest does not, after a set-up that failed
    throw error;
  }
}

async function startAll(): Promise<void> {
  await rm(LOG_FOLDER, { recursive: true, force: true });
  const servers = await startServers();
  running.stops.push(servers.stop);
  const start = async (policy: 'compensate' | 'independent') => {
    const dataDir = path.join(servers.directory, policy);
    await mkdir(dataDir);
    const databaseUrl = await createGitlabDatabase(servers.postgres, policy);
    await installFaults(databaseUrl);
    // One each: services share no runs.
    const temporalNamespace = await createTemporalNamespace(servers.cli, servers.temporal.address, policy);
    const service = await startServiceProcess(
      {
        DATA_DIR: dataDir,
        GITLAB_DATABASE_URL: databaseUrl,
        TEMPORAL_ADDRESS: servers.temporal.address,
        TEMPORAL_NAMESPACE: temporalNamespace,
        TEMPORAL_UI_URL: 'http://temporal.example',
        PROVISION_FAILURE_POLICY: policy,
        // One of the two serves its audit pages.
        ...(policy === 'compensate' && { AUDIT_USER: AUDITOR.user, AUDIT_PASSWORD: AUDITOR.password }),
      },
      ['--only', 'api,worker'],
    );
    running.stops.push(() => service.stop());
    return { apiUrl: service.apiUrl, databaseUrl, dataDir, temporalNamespace };
  };
  const environment: TestEnvironment = {
    compensate: await start('compensate'),
    independent: await start('independent'),
    temporalAddress: servers.temporal.address,
    adminUrl: servers.postgres.url('postgres'),
    temporalCli: servers.cli,
    directory: servers.directory,
  };
  process.env[ENVIRONMENT_VARIABLE] = JSON.stringify(environment);
}
