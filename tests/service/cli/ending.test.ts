import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { leftOn, processesOn } from '../../support/processes';
import { MAIN, startShell, terminalOf } from './support';

// All of these run everything on this machine, with servers of their own.
const { directory, temporalCli } = testEnvironment();
const DATA_DIR = path.join(directory, 'ending');
const START = `${process.execPath} ${MAIN} start`;
const env = {
  ...{ PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', DATA_DIR },
  ...{ TEMPORAL_CLI_PATH: temporalCli, PORT: '0', CUSTOMERS_DOT_PORT: '0' },
};

const started: ChildProcess[] = [];
beforeAll(() => mkdir(DATA_DIR));
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
  expect(await leftOn(DATA_DIR)).toEqual([]);
});

/** Starts a shell's script. */
function shell(script: string): ChildProcess {
  const child = startShell(script, env);
  started.push(child);
  return child;
}

const atTerminal = (script: string) => shell(terminalOf(script));

const FILE = path.join(directory, 'ending.log');
const isUp = () =>
  eventually(
    async () => (await readFile(FILE, 'utf8')).includes('Ctrl-C stops it'),
    'the service is up',
    60_000,
  );

describe('no server of its own is left within ten seconds, and nothing crashes,', () => {
  beforeAll(() => writeFile(FILE, ''));
  afterEach(async () => {
    expect(await readFile(FILE, 'utf8')).not.toMatch(/EPIPE|EIO|^\s+at /m);
    await writeFile(FILE, '');
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('after %s, with exit code 0', async (signal) => {
    const service = shell(`exec ${START} 2>${FILE}`);
    await isUp();
    service.kill(signal);
    expect(await once(service, 'exit')).toEqual([0, null]);
    expect(await readFile(FILE, 'utf8')).toMatch(/stopping\nstopped\n$/);
  });

  test('after kill -9', async () => {
    const service = shell(`exec ${START} 2>${FILE}`);
    await isUp();
    service.kill('SIGKILL');
    await once(service, 'exit');
    expect(await leftOn(DATA_DIR)).toEqual([]);
  });

  test('when the process that started it is killed', async () => {
    const parent = shell(`${START} >/dev/null 2>${FILE}; true`);
    await isUp();
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    expect(await leftOn(DATA_DIR)).toEqual([]);
  });

  test('when its terminal is closed', async () => {
    const terminal = atTerminal(`${START} 2>&1 | tee ${FILE}`);
    await isUp();
    terminal.kill('SIGKILL');
    expect(await leftOn(DATA_DIR)).toEqual([]);
  });

  test('when the terminal is closed that it only reads from, with exit code 0', async () => {
    const codes = path.join(directory, 'ending.codes');
    const terminal = atTerminal(`(trap "" HUP; ${START} >/dev/null 2>${FILE}; echo $? > ${codes}); true`);
    await isUp();
    terminal.kill('SIGKILL');
    expect(await leftOn(DATA_DIR)).toEqual([]);
    expect(await readFile(codes, 'utf8')).toBe('0\n');
  });

  test('when it is in the background of a terminal that is closed', async () => {
    const terminal = atTerminal(`set -m; ${START} 2>${FILE} & sleep 600`);
    await isUp();
    terminal.kill('SIGKILL');
    expect(await leftOn(DATA_DIR)).toEqual([]);
  });

  test('when its output is piped into head', async () => {
    const pipeline = shell(`${START} 2>${FILE} | head -1; echo \${PIPESTATUS[0]}`);
    let printed = '';
    pipeline.stdout?.on('data', (data: Buffer) => (printed += data.toString()));
    await once(pipeline, 'exit');
    expect(printed).toMatch(/^\{"severity":"INFO",.*"message":"starting"\}\n0\n$/);
  });

  test('when it is piped into tee and stopped with Ctrl-C', async () => {
    const codes = path.join(directory, 'ending.codes');
    const terminal = atTerminal(`trap : INT; (${START}; echo $? > ${codes}) 2>&1 | tee ${FILE}`);
    await isUp();
    terminal.stdin?.write('\u0003');
    await once(terminal, 'exit');
    expect(await readFile(codes, 'utf8')).toBe('0\n');
  });
});

describe('a signal ends a start within five seconds, whatever it is doing:', () => {
  const STAGES = [
    'starting PostgreSQL',
    'PostgreSQL is up',
    'starting Temporal',
    'Temporal is up',
    'migrating',
  ];
  test.each([...STAGES, 'starting the worker', "starting CustomersDot's worker"])('%s', async (stage) => {
    await writeFile(FILE, '');
    const service = shell(`exec ${START} 2>${FILE}`);
    await eventually(async () => (await readFile(FILE, 'utf8')).includes(stage), stage);
    await endsWithin5s(service);
  });

  test('making the files of PostgreSQL, at the very first start', async () => {
    const dataDir = path.join(directory, 'ending-first');
    const service = shell(`DATA_DIR=${dataDir} exec ${START} 2>${FILE}`);
    await eventually(
      async () => processesOn(path.join(dataDir, 'postgres/pg.tmp')).length > 0,
      'initdb runs',
    );
    await endsWithin5s(service);
    expect(await leftOn(dataDir)).toEqual([]);
  });

  async function endsWithin5s(service: ChildProcess): Promise<void> {
    service.kill('SIGTERM');
    const since = Date.now();
    await once(service, 'exit');
    expect(Date.now() - since).toBeLessThan(5_000);
    expect(await readFile(FILE, 'utf8')).not.toMatch(/^\s+at |provisioner:/m);
  }
});
