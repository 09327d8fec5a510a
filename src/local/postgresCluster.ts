import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startChild, stopOrphan, type StopSignals } from './childProcess';
import { LocalServerError } from './errors';
import { asUser, exists, SYSTEM_PATH, type PostgresBinaries, type UserIds } from './postgresProgram';

/** PATH is for setpriv; the rest of our environment (PGDATA, PGOPTIONS, LANG …) must not leak into the server. */
export const POSTGRES_ENV = { PATH: SYSTEM_PATH, LC_ALL: 'C', TZ: 'UTC' };

const INITDB_SIGNALS: StopSignals = [{ signal: 'SIGINT', graceMs: 3000 }];

/**
 * The cluster `<dataDir>/pg`, created on the first call. initdb works on `pg.tmp`, which is renamed when it is
 * complete: an interrupted initdb leaves no half cluster, it is started over.
 * @returns PostgreSQL's data directory, and the password of the superuser `postgres`
 */
export async function ensureCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  user: UserIds | null,
): Promise<{ directory: string; password: string }> {
  const directory = path.join(dataDir, 'pg');
  const passwordFile = path.join(dataDir, 'pg-password');
  await stopOrphan(`${directory}.initdb.pid`, INITDB_SIGNALS);
  if (await exists(directory)) return { directory, password: await readPassword(passwordFile) };

  const password = randomBytes(24).toString('hex');
  await rm(`${directory}.tmp`, { recursive: true, force: true });
  await mkdir(`${directory}.tmp`, { mode: 0o700 });
  // Removed first, so that the mode and owner are those of a new file.
  await rm(passwordFile, { force: true });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user !== null) {
    await chown(`${directory}.tmp`, user.uid, user.gid);
    await chown(passwordFile, user.uid, user.gid);
  }
  await initdb(`${directory}.tmp`, passwordFile, binaries, user);
  await rename(`${directory}.tmp`, directory);
  return { directory, password };
}

async function initdb(
  target: string,
  passwordFile: string,
  binaries: PostgresBinaries,
  user: UserIds | null,
): Promise<void> {
  const args = [
    `--pgdata=${target}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    // The built-in provider needs no locale of the system: slim containers have none but C.
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ];
  const paths = [binaries.initdb, path.join(binaries.root, 'lib'), target];
  const child = startChild({
    ...(await asUser(user, binaries.initdb, args, paths)),
    env: POSTGRES_ENV,
    cwd: target,
    pidFile: target.replace(/\.tmp$/, '.initdb.pid'),
    stopSignals: INITDB_SIGNALS,
  });
  const code = await child.exited;
  await child.stop();
  if (code !== 0) {
    throw new LocalServerError('postgres_start_failed', `initdb failed in ${target}: ${child.lastLines()}`);
  }
}

async function readPassword(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new LocalServerError(
      'postgres_password_missing',
      `the database's password file ${file} cannot be read: restore it, or move ${path.dirname(file)} away to start with an empty database`,
      { cause: error },
    );
  }
}
