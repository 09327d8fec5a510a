import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { testEnvironment } from '../../support/environment';
import { MAIN, newDirectory, provisioner, run, shell, type Ended } from './support';

const { compensate, temporalAddress } = testEnvironment();
const SERVERS = { GITLAB_DATABASE_URL: compensate.databaseUrl, TEMPORAL_ADDRESS: temporalAddress };

let directory: string;
beforeAll(async () => {
  directory = await newDirectory('start-errors');
  await chmod(directory, 0o755);
});

/** The one line that says why there was no start; what the start did before comes on other lines. */
function reason({ code, out, err }: Ended): string {
  expect([code, out + err]).toEqual([1, expect.not.stringContaining('hunter2')]);
  // The log of a service that was on its way, if it came so far.
  expect(out).toMatch(/^(\{.*"message":"starting"\}\n)?$/);
  const [line = '', ...more] = err
    .split('\n')
    .filter((text) => !/^(starting|migrating|PostgreSQL|port) /.test(text));
  expect(more).toEqual(['']);
  return line;
}

const start = async (env: Record<string, string>) => reason(await provisioner(['start'], env));

describe('one line names the variable and what to do about it:', () => {
  test('a value that cannot be used', async () => {
    expect(await start({ GITLAB_DATABASE_URL: 'mysql://u:hunter2@h/db' })).toMatch(
      /^provisioner: GITLAB_DATABASE_URL must be a URL that begins with postgres:/,
    );
  });

  test('a database that does not answer', async () => {
    const GITLAB_DATABASE_URL = 'postgres://u:hunter2@127.0.0.1:1/x';
    expect(await start({ ...SERVERS, GITLAB_DATABASE_URL })).toBe(
      'provisioner: GITLAB_DATABASE_URL cannot be used (start that server, or correct it): connect ECONNREFUSED 127.0.0.1:1',
    );
  });

  test('a Temporal server that does not answer', async () => {
    expect(await start({ ...SERVERS, TEMPORAL_ADDRESS: '127.0.0.1:1' })).toBe(
      'provisioner: TEMPORAL_ADDRESS: no Temporal answers at 127.0.0.1:1 (start that server, correct it, or unset it for a local one): Connection refused',
    );
  });

  test('a Temporal namespace that does not exist', async () => {
    expect(await start({ ...SERVERS, TEMPORAL_NAMESPACE: 'nope' })).toMatch(
      /^provisioner: TEMPORAL_NAMESPACE: nope cannot be used at \S+ \("temporal operator namespace create -n nope" makes a missing one\): .*not found/,
    );
  });

  test('a host that is not this machine', async () => {
    expect(await start({ ...SERVERS, HOST: '192.0.2.1' })).toMatch(
      /^provisioner: HOST 192\.0\.2\.1 is no address of this machine \(0\.0\.0\.0 is all of them\): listen EADDRNOTAVAIL/,
    );
  });

  test('a temporal CLI that is none', async () => {
    const env = { GITLAB_DATABASE_URL: SERVERS.GITLAB_DATABASE_URL, TEMPORAL_CLI_PATH: '/bin/true' };
    expect(await start(env)).toMatch(
      /^provisioner: TEMPORAL_CLI_PATH cannot be used \(correct it, or unset it: then one is found or fetched\): \/bin\/true does not answer/,
    );
  });

  test('no folder to fetch a temporal CLI into', async () => {
    const env = { PATH: '/nowhere', GITLAB_DATABASE_URL: SERVERS.GITLAB_DATABASE_URL };
    expect(await start({ ...env, XDG_CACHE_HOME: '/proc/nope' })).toMatch(
      /^provisioner: there is no temporal CLI, and no folder \/proc\/nope\/\S+ to fetch one into .*: set XDG_CACHE_HOME/,
    );
  });
});

describe('DATA_DIR has to be a folder that can be written:', () => {
  test.each([
    ['/proc/nope', 'no folder can be made there'],
    ['/proc', 'no folder can be made there'],
    ['/etc/passwd', 'there is a file of that name'],
    ['/etc/passwd/below', 'there is a file of that name'],
  ])('%s', async (DATA_DIR, why) => {
    expect(await start({ DATA_DIR })).toBe(
      `provisioner: DATA_DIR ${DATA_DIR} cannot be used: ${why}. Set it to a folder that can be written`,
    );
  });

  test('one of another user', async () => {
    // As root this needs another user; who is none has others' folders everywhere.
    const isRoot = process.getuid?.() === 0;
    const user = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : ['env'];
    const [program = '', ...args] = [...user, process.execPath, MAIN, 'start'];
    const DATA_DIR = isRoot ? directory : '/etc/provisioner';
    expect(reason(await run(program, args, { DATA_DIR }))).toContain('this user may not write there');
  });

  test('one on a read-only file system', async () => {
    const mount = path.join(directory, 'read-only');
    await mkdir(mount);
    const line = `mount -t tmpfs -o ro none '${mount}' || exit 42; DATA_DIR='${mount}/data' npx provisioner start`;
    const ended = await shell(`unshare --mount --map-root-user bash -c ${JSON.stringify(line)}`);
    if (ended.code === 42)
      return console.warn('skipped: a read-only file system: nothing may be mounted here');
    expect(reason(ended)).toContain('it is on a read-only file system');
  });

  test('also for a rotation of keys', async () => {
    const ended = await provisioner(['keys', 'rotate', '--data-dir', '/proc/nope']);
    expect(reason(ended)).toMatch(/^provisioner: DATA_DIR \/proc\/nope cannot be used/);
  });

  test('what cannot be written in it is named', async () => {
    const DATA_DIR = await newDirectory('start-errors/odd');
    await writeFile(path.join(DATA_DIR, 'postgres'), '');
    expect(await start({ DATA_DIR })).toBe(`provisioner: ${DATA_DIR}/postgres is a file`);
  });
});

test('ports and addresses that fetch refuses are refused at once', async () => {
  const env = { PORT: '6000', PROVISION_API_URL: 'http://user:hunter2@127.0.0.1:3000' };
  expect(await start(env)).toBe(
    'provisioner: PORT must not be a port that fetch and browsers refuse; ' +
      'PROVISION_API_URL must not hold a user or a password: fetch refuses that, and the address is shown and logged',
  );
});
