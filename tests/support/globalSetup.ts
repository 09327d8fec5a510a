import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { AUDITOR, environmentVariable, type TestEnvironment } from './environment';
import { installFaults } from './faults';
import type { GitlabVersion } from '../../src/local/gitlabDatabase';
import { createGitlabDatabase, createGitlabTemplate, startServers } from './servers';
import { startServiceProcess } from './serviceProcess';
import { createTemporalNamespace } from './temporalServer';
import globalTeardown from './globalTeardown';
import { running } from './running';
import { LOG_FOLDER } from './testLog';

/** Jest runs a file of set-up once for all projects that name it. */
export default () => setUp('19.5');

/**
 * Starts what every service test shares: PostgreSQL, Temporal, and the service once for each failure policy.
 * @param schema the state of GitLab's schema
 */
export async function setUp(schema: GitlabVersion): Promise<void> {
  try {
    await startAll(schema);
  } catch (error) {
    await globalTeardown(); // Jest does not, after a set-up that failed
    throw error;
  }
}

async function startAll(schema: GitlabVersion): Promise<void> {
  if (!running.servers) {
    await rm(LOG_FOLDER, { recursive: true, force: true });
    running.servers = await startServers();
    running.stops.push(running.servers.stop);
  }
  const { servers } = running;
  const template = await createGitlabTemplate(servers.postgres, schema);
  const start = async (policy: 'compensate' | 'independent') => {
    const name = schema === '19.5' ? policy : `${policy}_${schema}`;
    const dataDir = path.join(servers.directory, name);
    await mkdir(dataDir);
    const databaseUrl = await createGitlabDatabase(servers.postgres, name, template);
    await installFaults(databaseUrl);
    // One each: services share no runs.
    const temporalNamespace = await createTemporalNamespace(servers.cli, servers.temporal.address, name);
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
    schema,
    template,
    compensate: await start('compensate'),
    independent: await start('independent'),
    temporalAddress: servers.temporal.address,
    adminUrl: servers.postgres.url('postgres'),
    temporalCli: servers.cli,
    directory: servers.directory,
  };
  process.env[environmentVariable(schema)] = JSON.stringify(environment);
}
