import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { migrate } from '../../../src/db/migrate';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { MAIN, newDirectory, provisioner, run } from './support';

const environment = testEnvironment();
const PROJECT = path.join(__dirname, '../../..');

async function createDatabase(name: string): Promise<string> {
  const client = new Client({ connectionString: environment.adminUrl });
  await client.connect();
  await client.query(`CREATE DATABASE ${name} TEMPLATE gitlab_template`);
  await client.end();
  return environment.adminUrl.replace(/\/postgres$/, `/${name}`);
}

describe('help', () => {
  test('says what the command does and every variable it looks at', async () => {
    const { out, code } = await provisioner(['--help']);
    expect(code).toBe(0);
    for (const word of ['start', 'migrate', 'token', 'GITLAB_DATABASE_URL', 'PROVISION_FAILURE_POLICY']) {
      expect(out).toContain(word);
    }
    expect((await provisioner(['start', '--help'])).out).toContain('--only');
  });

  test('follows an unknown command or part, with exit code 1', async () => {
    expect(await provisioner(['sart'])).toMatchObject({ code: 1, err: expect.stringContaining('start') });
    const { code, err } = await provisioner(['start', '--only', 'api,wrker']);
    expect(code).toBe(1);
    expect(err).toContain('api, worker');
  });
});

test('--version is that of the package', async () => {
  const { version } = (await import(path.join(PROJECT, 'package.json'))) as { version: string };
  expect(await provisioner(['--version'])).toMatchObject({
    code: 0,
    out: `${version} (Node ${process.versions.node})\n`,
  });
});

describe('migrations', () => {
  test('several processes may bring the same database up to date at once', async () => {
    const GITLAB_DATABASE_URL = await createDatabase('migrated_together');
    const runs = await Promise.all([1, 2, 3].map(() => provisioner(['migrate'], { GITLAB_DATABASE_URL })));
    const said = expect.stringMatching(/^(waiting for .*\n)?$/);
    expect(runs.map(({ code, err }) => [code, err])).toEqual(Array(3).fill([0, said]));
    expect(runs.map(({ out }) => out).sort()).toEqual([
      expect.stringMatching(/^Applied 0001_ledger, .*\.\n$/),
      'Up to date.\n',
      'Up to date.\n',
    ]);
  });

  test('several processes may bring CustomersDot’s database up to date at once, its queue too', async () => {
    const CUSTOMERS_DOT_DATABASE_URL = await createDatabase('migrated_cdot');
    const runs = await Promise.all(
      [1, 2, 3, 4].map(() => provisioner(['syncs'], { CUSTOMERS_DOT_DATABASE_URL })),
    );
    expect(runs.map(({ code, out }) => [code, out])).toEqual(Array(4).fill([0, 'No syncs.\n']));
  });

  test('wait for another session that runs them, and say for which', async () => {
    const GITLAB_DATABASE_URL = await createDatabase('migrated_later');
    const other = new Client({ connectionString: GITLAB_DATABASE_URL });
    await other.connect();
    await other.query('SELECT pg_advisory_lock(5072910)');
    const { rows } = await other.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const child = spawn(process.execPath, [MAIN, 'migrate'], { env: { GITLAB_DATABASE_URL } });
    let [out, err] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (err += data.toString()));
    await eventually(async () => err !== '', 'it says something');
    expect(err).toBe(
      `waiting for the migration of schema provisioning that another session runs (pid ${rows[0]?.pid} of PostgreSQL)\n`,
    );
    await other.end();
    await once(child, 'close');
    expect([child.exitCode, out]).toEqual([0, expect.stringMatching(/^Applied 0001_ledger, /)]);

    // Looking comes first: where nothing is to be done, nobody is waited for.
    const holder = new Client({ connectionString: GITLAB_DATABASE_URL });
    await holder.connect();
    await holder.query('SELECT pg_advisory_lock(5072910)');
    expect(await provisioner(['migrate'], { GITLAB_DATABASE_URL })).toEqual({
      code: 0,
      out: 'Up to date.\n',
      err: '',
    });
    await holder.end();
  });

  test('do not wait for ever', async () => {
    const url = await createDatabase('migrated_never');
    const other = new Client({ connectionString: url });
    await other.connect();
    await other.query('SELECT pg_advisory_lock(1)');
    const set = { folder: 'provisioning', schema: 'provisioning', table: 'migrations', lock: 1 };
    await expect(migrate(url, set, () => undefined, 500)).rejects.toThrow(
      /\(pid \d+ of PostgreSQL\) has not ended within 0.5 s: end that session, then try again/,
    );
    await other.end();
  });

  test('GitLab’s own tables are left as they are', async () => {
    const GITLAB_DATABASE_URL = await createDatabase('migrated_alone');
    const schema = async () => {
      const client = new Client({ connectionString: GITLAB_DATABASE_URL });
      await client.connect();
      const { rows } = await client.query(
        `SELECT table_name, column_name, data_type, column_default FROM information_schema.columns
         WHERE table_schema = 'public' ORDER BY 1, 2`,
      );
      const counts = await client.query('SELECT count(*) FROM plans');
      await client.end();
      return [rows, counts.rows];
    };
    const before = await schema();
    await provisioner(['migrate'], { GITLAB_DATABASE_URL });
    expect(await schema()).toEqual(before);
  });
});

describe('npm start', () => {
  test('ends with exit code 0 when it gets SIGTERM', async () => {
    const child = spawn('npm', ['start', '--', '--only', 'api,worker'], {
      cwd: PROJECT,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: process.env['HOME'] ?? '',
        PORT: '0',
        DATA_DIR: await newDirectory('npm-start'),
        GITLAB_DATABASE_URL: environment.independent.databaseUrl,
        TEMPORAL_ADDRESS: environment.temporalAddress,
        TEMPORAL_NAMESPACE: environment.independent.temporalNamespace,
      },
    });
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (data: Buffer) => data.toString().includes('Ctrl-C stops it') && resolve());
      child.on('exit', reject);
    });
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  });
});

test('npx provisioner works anywhere below the project’s folder', async () => {
  const { code, out } = await run('bash', ['-c', `cd '${PROJECT}/src/cli' && npx provisioner --version`]);
  expect([code, out]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+ /)]);
});

test('every command takes --data-dir', async () => {
  const { err } = await provisioner(['namespaces', 'create', 'x', '--data-dir', '/nowhere']);
  expect(err).toMatch(/^provisioner: No embedded database runs on DATA_DIR \/nowhere: start it first/);
});

test('a reader that stops early is no error', async () => {
  const { out, err } = await run('bash', ['-c', `${process.execPath} ${MAIN} --help | head -1`]);
  expect([out, err]).toEqual(['Usage: provisioner [options] [command]\n', '']);
});
