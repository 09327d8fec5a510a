import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { testEnvironment } from '../support/environment';
import { startServiceProcess, type ServiceProcess } from '../support/serviceProcess';

const MAIN = path.join(__dirname, '../../dist/cli/main.js');
const environment = testEnvironment();

/** Runs a command to its end, with this environment only. */
async function provisioner(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      DATA_DIR: await newDirectory('commands'),
      ...env,
    },
    timeout: 20_000, // a command that wrongly starts a service must not hold the suite
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  await once(child, 'close');
  return { code: child.exitCode, out, err };
}

async function newDirectory(name: string): Promise<string> {
  const directory = path.join(environment.directory, name);
  await mkdir(directory, { recursive: true });
  return directory;
}

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

describe('a wrong configuration stops the start with one line that names the variable', () => {
  test('a value that cannot be used', async () => {
    const { code, err, out } = await provisioner(['start'], {
      GITLAB_DATABASE_URL: 'mysql://u:hunter2@h/db',
    });
    expect(code).toBe(1);
    expect(err).toMatch(/^provisioner: GITLAB_DATABASE_URL must be .*\n$/);
    expect(out + err).not.toContain('hunter2');
  });

  test('a database that does not answer', async () => {
    const GITLAB_DATABASE_URL = 'postgres://u:hunter2@127.0.0.1:1/x';
    const { code, err, out } = await provisioner(['start'], {
      GITLAB_DATABASE_URL,
      TEMPORAL_ADDRESS: environment.temporalAddress,
      DATA_DIR: await newDirectory('no-database'),
    });
    expect(code).toBe(1);
    expect(err).toContain('GITLAB_DATABASE_URL');
    expect(out + err).not.toContain('hunter2');
  });

  test('a Temporal server that does not answer', async () => {
    const { code, err } = await provisioner(['start'], {
      GITLAB_DATABASE_URL: environment.compensate.databaseUrl,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      DATA_DIR: await newDirectory('no-temporal'),
    });
    expect(code).toBe(1);
    expect(err).toContain('TEMPORAL_ADDRESS');
  });

  test('a host that is not this machine', async () => {
    const { code, err } = await provisioner(['start'], {
      HOST: '192.0.2.1',
      GITLAB_DATABASE_URL: environment.compensate.databaseUrl,
      TEMPORAL_ADDRESS: environment.temporalAddress,
      DATA_DIR: await newDirectory('no-host'),
    });
    expect(code).toBe(1);
    expect(err).toContain('HOST 192.0.2.1');
  });

  test('a temporal CLI that is none', async () => {
    const { code, err } = await provisioner(['start'], {
      GITLAB_DATABASE_URL: environment.compensate.databaseUrl,
      TEMPORAL_CLI_PATH: '/bin/true',
      DATA_DIR: await newDirectory('no-cli'),
    });
    expect(code).toBe(1);
    expect(err).toContain('/bin/true');
  });
});

describe('migrations', () => {
  test('several processes may bring the same database up to date at once', async () => {
    const GITLAB_DATABASE_URL = await createDatabase('migrated_together');
    const runs = await Promise.all([1, 2, 3].map(() => provisioner(['migrate'], { GITLAB_DATABASE_URL })));
    expect(runs.map(({ code, err }) => [code, err])).toEqual(Array(3).fill([0, '']));
    expect(runs.map(({ out }) => out).sort()).toEqual([
      expect.stringMatching(/^Applied 0001_ledger, .*\.\n$/),
      'Up to date.\n',
      'Up to date.\n',
    ]);
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

describe('everything on one machine', () => {
  test('starts with nothing configured, provisions the demo group, stops at once and finds its data again', async () => {
    const DATA_DIR = await newDirectory('all-in-one');
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const env = { DATA_DIR, TEMPORAL_CLI_PATH: environment.temporalCli, PORT: String(port) };

    const first = await startServiceProcess(env);
    expect(first.progress()).toContain(`port ${port} is taken`);
    const { status, stdout } = await shell(demoCommand(first.progress()), env);
    expect([status, stdout]).toEqual([0, expect.stringContaining('{"status":"success","message":null')]);
    const password = await openAuditPage(first, DATA_DIR);
    const begun = Date.now();
    expect(await first.stop('SIGINT')).toBe(0);
    expect(Date.now() - begun).toBeLessThan(10_000);
    expect(await processesOf(DATA_DIR)).toEqual([]);

    const second = await startServiceProcess(env);
    expect(await openAuditPage(second, DATA_DIR)).toBe(password);
    const again = await shell(demoCommand(second.progress()).replace('"sync_id":1', '"sync_id":0.5'), env);
    expect(again.stdout).toBe('{"error":"sync_id is invalid"}');
    expect((await shell(demoCommand(second.progress()), env)).stdout).toContain('"status":"success"');
    expect(await second.stop('SIGTERM')).toBe(0);
    expect(await processesOf(DATA_DIR)).toEqual([]);
    taken.close();
  }, 90_000);

  test('parts that run apart find each other’s servers, and the token is good for the API', async () => {
    const DATA_DIR = await newDirectory('in-parts');
    const env = { DATA_DIR, TEMPORAL_CLI_PATH: environment.temporalCli };
    const worker = await startServiceProcess(env, ['--only', 'worker']);
    const api = await startServiceProcess(env, ['--only', 'api']);
    expect((await shell(demoCommand(api.progress()), env)).stdout).toContain('"status":"success"');
    expect(await api.stop()).toBe(0);
    expect(await worker.stop()).toBe(0);
    expect(await processesOf(DATA_DIR)).toEqual([]);
  }, 90_000);

  test('a token cannot be had while no API runs', async () => {
    const { code, err } = await provisioner(['token'], { DATA_DIR: await newDirectory('no-api') });
    expect(code).toBe(1);
    expect(err).toContain('npm start');
  });
});

describe('npm start', () => {
  test('ends with exit code 0 when it gets SIGTERM', async () => {
    const child = spawn('npm', ['start', '--', '--only', 'api,worker'], {
      cwd: path.join(__dirname, '../..'),
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

describe('logs', () => {
  test('are one JSON object a line, with a request’s ids and neither its token nor its body', async () => {
    const DATA_DIR = await newDirectory('logs');
    const env = {
      DATA_DIR,
      GITLAB_DATABASE_URL: environment.independent.databaseUrl,
      TEMPORAL_ADDRESS: environment.temporalAddress,
      TEMPORAL_NAMESPACE: environment.independent.temporalNamespace,
    };
    const service = await startServiceProcess(env, ['--only', 'api,worker']);
    const { out: token } = await provisioner(['token'], env);
    await fetch(`${service.apiUrl}/api/v4/internal/gitlab_subscriptions/namespaces/demo-group/provision`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-customers-dot-internal-token': token.trim(),
        'x-request-id': 'request-42',
      },
      body: '{"provision":{"base_product":{"seats":987123}}}',
    });
    await service.stop();
    const lines = service.log().trim().split('\n');
    const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(entries).toContainEqual(
      expect.objectContaining({
        severity: 'INFO',
        correlation_id: 'request-42',
        method: 'POST',
        status: 200,
        duration_s: expect.any(Number),
        namespace_id: '1000',
        workflow_id: 'provision:1000',
        run_id: expect.any(String),
      }),
    );
    expect(service.log()).not.toContain(token.trim().split('.')[2]);
    expect(service.log()).not.toContain('987123');
  });
});

/** Opens the page that the banner names with the password that was made for it. @returns the password */
async function openAuditPage(service: ServiceProcess, dataDir: string): Promise<string> {
  const file = path.join(dataDir, 'audit', 'password');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const password = (await readFile(file, 'utf8')).trim();
  // No terminal reads this banner, so it tells only where the password is.
  expect(service.progress()).toContain(`user audit, password in ${file}`);
  const [url = ''] = /http\S*\/namespaces\/demo-group$/m.exec(service.progress()) ?? [];
  const page = await fetch(url, {
    headers: { authorization: `Basic ${Buffer.from(`audit:${password}`).toString('base64')}` },
  });
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<h3>Sync 1 ')]);
  expect(service.log() + service.progress()).not.toContain(password);
  return password;
}

/** The command that the banner shows, with `npx provisioner` spelled for this checkout. */
function demoCommand(progress: string): string {
  const command = /^ +(curl .*)$/m.exec(progress)?.[1] ?? '';
  return command.replace('npx provisioner', `${process.execPath} ${MAIN}`);
}

async function shell(command: string, env: Record<string, string>) {
  const child = spawn('bash', ['-c', command], { env: { PATH: process.env['PATH'] ?? '', ...env } });
  let stdout = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  await once(child, 'close');
  return { status: child.exitCode, stdout };
}

/** Processes whose command line or environment names this directory. */
async function processesOf(directory: string): Promise<string[]> {
  const { stdout } = await shell('ps -eo args', {});
  return stdout.split('\n').filter((line) => line.includes(directory));
}
