import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  findRuntime,
  NOTHING,
  publishRuntime,
  runFolder,
  runningProcesses,
} from '../../../src/cli/runtimeFile';
import { processInfo } from '../../../src/local/processInfo';
import { Cleanup } from '../local/support';

const cleanup = new Cleanup();
let dataDir: string;
let other: ChildProcess;
beforeEach(async () => {
  dataDir = await cleanup.directory();
  await mkdir(runFolder(dataDir));
  other = spawn('sleep', ['60']);
  await once(other, 'spawn');
});
afterEach(async () => {
  other.kill('SIGKILL');
  await cleanup.run();
});

/** What a process with the pid of `sleep` has published, which began then. */
async function publishAs(pid: number, began: string | undefined): Promise<void> {
  const runtime = { ...NOTHING, apiUrl: 'http://127.0.0.1:3000' };
  const file = path.join(runFolder(dataDir), `${pid}.json`);
  await writeFile(file, JSON.stringify({ began, parts: ['api'], registeredAt: 1, runtime }));
}

test('a process is found by its pid and when it began', async () => {
  const pid = other.pid ?? 0;
  await publishAs(pid, processInfo(pid)?.began);
  expect(await findRuntime(dataDir)).toMatchObject({ apiUrl: 'http://127.0.0.1:3000' });
  expect(await runningProcesses(dataDir)).toMatchObject([{ pid, parts: ['api'] }]);
});

test('another program that has got the pid of an ended process is not taken for it', async () => {
  await publishAs(other.pid ?? 0, 'earlier');
  expect(await findRuntime(dataDir)).toEqual(NOTHING);
  expect(await readdir(runFolder(dataDir))).toEqual([]);
});

test('what is cut off, or of another version, is ignored', async () => {
  await writeFile(path.join(runFolder(dataDir), `${other.pid}.json`), '{"apiUrl":"http://127.0.0.1:3000"}');
  expect(await findRuntime(dataDir)).toEqual(NOTHING);
});

test('a process does not find itself, nor a predecessor with its pid', async () => {
  await publishRuntime(dataDir, {
    parts: ['api'],
    registeredAt: 1,
    runtime: { ...NOTHING, apiUrl: 'http://127.0.0.1:3000' },
  });
  expect(await findRuntime(dataDir)).toEqual(NOTHING);
  await rm(path.join(runFolder(dataDir), `${process.pid}.json`));
});
