import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { latestSyncsOf } from '../../../src/cdot/latestSyncs';
import { ensureDatabase } from '../../../src/local/database';
import { prepareGitlabDatabase } from '../../../src/local/gitlabDatabase';
import { startPostgres, type LocalPostgres } from '../../../src/local/postgres';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { createTemporalNamespace } from '../../support/temporalServer';
import { attrs, CustomersDot } from './support/cdot';

const { temporalAddress, temporalCli } = testEnvironment();

const cleanups: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
}, 60_000);

async function query(url: string, text: string): Promise<Record<string, unknown>> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<Record<string, unknown>>(text);
  await client.end();
  return rows[0] ?? {};
}

const shell = (script: string) => promisify(execFile)('sh', ['-euc', script]);

/** What pg_basebackup does, by PostgreSQL's own functions: the files of a server at work, and the WAL of meanwhile. */
async function baseBackup(url: string, from: string, to: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`SELECT pg_backup_start('base backup', true)`);
  await shell(`cp -a '${from}' '${to}'`);
  const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
  await client.end();
  const label = Buffer.from(rows[0]?.labelfile ?? '').toString('base64');
  await shell(`
    cp -a '${from}'/pg/pg_wal/. '${to}/pg/pg_wal/'
    rm -f '${to}/pg/postmaster.pid' '${to}/pg/postmaster.opts'
    cp -a '${to}/pg/PG_VERSION' '${to}/pg/backup_label'
    echo '${label}' | base64 -d > '${to}/pg/backup_label'`);
}

test("GitLab's database restored from a base backup is brought up to date by reconcile", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'base-backup-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  const [original, restored] = ['original', 'restored'].map((name) => path.join(directory, name)) as [
    string,
    string,
  ];
  await shell(`chmod 755 '${directory}'`);
  let postgres: LocalPostgres = await startPostgres({ dataDir: original, port: 0 });
  cleanups.push(() => postgres.stop());
  await ensureDatabase(postgres.url('postgres'), 'gitlab');
  await prepareGitlabDatabase(postgres.url('gitlab'));

  const cdot = await CustomersDot.create('base_backup');
  cleanups.push(() => cdot.close());
  const TEMPORAL_NAMESPACE = await createTemporalNamespace(temporalCli, temporalAddress, 'base_backup');
  const environment = () => ({
    ...cdot.environment,
    ...{ GITLAB_DATABASE_URL: postgres.url('gitlab'), TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE },
  });
  let service: ServiceProcess = await startServiceProcess(environment());
  cleanups.push(() => service.stop());

  const { id } = (await query(postgres.url('gitlab'), 'SELECT id FROM namespaces LIMIT 1')) as { id: string };
  const seats = async () => {
    const text = `SELECT seats FROM gitlab_subscriptions WHERE namespace_id = ${id}`;
    return (await query(postgres.url('gitlab'), text))['seats'];
  };
  const ended = () =>
    eventually(
      async () => (await latestSyncsOf(cdot.pool, [id])).get(id)?.ended,
      'the newest sync has ended',
    );
  const send = async (count: number) => {
    await cdot.record(id, attrs(count));
    expect(await ended()).toBe('completed');
    expect(await seats()).toBe(count);
  };
  await send(1);
  await baseBackup(postgres.url('postgres'), original, restored);
  await send(2);

  await service.stop();
  await postgres.stop();
  postgres = await startPostgres({ dataDir: restored, port: 0 });
  service = await startServiceProcess(environment());
  expect(await seats()).toBe(1);

  const { code } = await cdot.command(['reconcile'], '', environment());
  expect(code).toBe(0);
  await eventually(async () => (await seats()) === 2, 'the lost sync is applied again');
  expect(await ended()).toBe('completed');
}, 180_000);
