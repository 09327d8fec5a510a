import { chmod, lstat, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { processesOn } from '../../support/processes';
import { untilUp, type ServiceProcess } from '../../support/serviceProcess';
import { demoCommand, MAIN, newDirectory, shell, startShell } from './support';

// One start with everything of its own, from a shell that hides nothing.
const SECRET = 'hunter2';
let dataDir: string;
let ofInitdb: string[];
let service: ServiceProcess;
beforeAll(async () => {
  dataDir = path.join(await newDirectory('data-dir'), 'fresh');
  const starting = start();
  const initdb = path.join(dataDir, 'postgres/pg.tmp');
  await eventually(async () => (ofInitdb = await environmentsOn(initdb)).length > 0, 'initdb runs');
  service = await starting;
}, 90_000);
afterAll(() => service.stop());

function start(): Promise<ServiceProcess> {
  const { temporalCli } = testEnvironment();
  const child = startShell(`umask 0; exec ${process.execPath} ${MAIN} start`, {
    ...{
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      PORT: '0',
      CUSTOMERS_DOT_PORT: '0',
    },
    ...{ DATA_DIR: dataDir, TEMPORAL_CLI_PATH: temporalCli, AWS_SECRET_ACCESS_KEY: SECRET },
  });
  return untilUp(child, 'data-dir');
}

test('children get only the environment that they need', async () => {
  const ofService = await readFile(`/proc/${service.child.pid}/environ`, 'utf8');
  expect(ofService).toContain(SECRET);
  const ofChildren = [...ofInitdb, ...(await environmentsOn(dataDir))];
  for (const name of ['initdb', 'postgres -D', 'server start-dev', '/bin/sh -c']) {
    expect(ofChildren).toContainEqual(expect.stringContaining(name));
  }
  expect(ofChildren.filter((text) => text.includes(SECRET))).toEqual([]);
});

test('what a start writes is for nobody but its own user, whatever the umask', async () => {
  expect((await shell(demoCommand(service.progress()), { DATA_DIR: dataDir })).out).toContain('"success"');
  expect(await openToOthers(dataDir)).toEqual([]);
});

test('what an earlier version wrote for everybody to read is not left so', async () => {
  await service.stop();
  const files = (await readdir(dataDir, { withFileTypes: true })).filter((entry) => entry.isFile());
  for (const { name } of files) await chmod(path.join(dataDir, name), 0o644);
  service = await start();
  expect(await openToOthers(dataDir)).toEqual([]);
}, 60_000);

/** Command and environment of each process on a folder. */
async function environmentsOn(folder: string): Promise<string[]> {
  const texts = processesOn(folder).map(async (line) => {
    const environment = await readFile(`/proc/${line.split(' ', 1)[0]}/environ`, 'utf8').catch(() => '');
    return `${line}\n${environment.split('\0').join('\n')}`;
  });
  return Promise.all(texts);
}

/**
 * What group or others may read or write. Root's PostgreSQL runs as another user, which passes through folders that it
 * cannot list.
 */
async function openToOthers(entry: string): Promise<string[]> {
  const info = await lstat(entry).catch(() => null); // PostgreSQL has just removed it
  if (info === null) return [];
  const closed = !info.isDirectory() ? 0o077 : process.getuid?.() === 0 ? 0o066 : 0o077;
  const own = (info.mode & closed) === 0 ? [] : [`${(info.mode & 0o777).toString(8)} ${entry}`];
  if (!info.isDirectory()) return own;
  const below = (await readdir(entry)).map((name) => openToOthers(path.join(entry, name)));
  return [...own, ...(await Promise.all(below)).flat()];
}
