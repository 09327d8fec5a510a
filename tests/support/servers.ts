import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureDatabase, withClient } from '../../src/local/database';
import { type GitlabVersion, prepareGitlabDatabase } from '../../src/local/gitlabDatabase';
import { startPostgres, type LocalPostgres } from '../../src/local/postgres';
import { temporalCli } from '../../src/local/temporalCli';
import { findTemporal, type SharedTemporal } from './temporalServer';

/** A fetched `temporal` CLI is kept here between runs. */
export const CLI_CACHE = path.join(__dirname, '../../node_modules/.cache/temporal-cli');

/** A real PostgreSQL and a real Temporal server, with data that is thrown away. */
export interface TestServers {
  directory: string;
  postgres: LocalPostgres;
  temporal: SharedTemporal;
  cli: string;
  stop(): Promise<void>;
}

/** Starts both, unless TEMPORAL_ADDRESS names a Temporal server to use. */
export async function startServers(): Promise<TestServers> {
  const directory = await mkdtemp(path.join(tmpdir(), 'provisioner-test-'));
  const cli = await temporalCli({ cacheDir: CLI_CACHE, env: process.env });
  const [postgres, temporal] = await Promise.all([
    startPostgres({
      dataDir: path.join(directory, 'postgres'),
      port: 0,
      settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
    }),
    findTemporal(cli, directory),
  ]);
  const stop = async () => {
    await temporal.stop();
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return { directory, postgres, temporal, cli, stop };
}

/** Makes a database to make others from, with GitLab's tables and plans. @returns its name */
export async function createGitlabTemplate(postgres: LocalPostgres, schema: GitlabVersion): Promise<string> {
  const name = schema === '19.5' ? 'gitlab_template' : `gitlab_template_${schema}`;
  await ensureDatabase(postgres.url('postgres'), name);
  await prepareGitlabDatabase(postgres.url(name), schema);
  return name;
}

/** Makes a database like its template. @returns its URL */
export async function createGitlabDatabase(
  postgres: LocalPostgres,
  name: string,
  template: string,
): Promise<string> {
  await withClient(postgres.url('postgres'), (client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`),
  );
  return postgres.url(name);
}
