import { execFile } from 'node:child_process';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { LocalServerError } from './errors';

/** For programs of the system: the rest of our environment is none of their business. */
export const SYSTEM_PATH = '/usr/bin:/bin:/usr/sbin:/sbin';

const run = (command: string, args: string[]) =>
  promisify(execFile)(command, args, { env: { PATH: SYSTEM_PATH } });

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
    'POSTGRES_NO_USER',
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
      'POSTGRES_NO_USER',
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
