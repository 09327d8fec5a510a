import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { access, readFile, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child } from '../../../src/local/childProcess';
import { stopOrphan } from '../../../src/local/pidFile';
import type { StopSignals } from '../../../src/local/stopSignals';
import { Cleanup, isRunning } from './support';

const SIGNALS: StopSignals = [{ signal: 'SIGTERM', graceMs: 100 }];

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

let directory: string;
let pidFile: string;
beforeEach(async () => {
  directory = await cleanup.directory();
  pidFile = path.join(directory, 'child.pid');
});

async function startScript(script: string, command = '/bin/sh'): Promise<Child> {
  const child = await startChild({
    command,
    args: ['-c', script],
    env: {},
    pidFile,
    stopSignals: SIGNALS,
    failureCode: 'TEMPORAL_START_FAILED',
    logFile: path.join(directory, 'log'),
  });
  cleanup.add(child.stop);
  return child;
}

describe('startChild', () => {
  it('kills a child that ignores the stop signal, together with the children of that', async () => {
    const child = await startScript(`trap '' TERM; sleep 60 & echo $!; while :; do sleep 0.01; done`);
    while (child.lastLines() === '') await sleep(5);
    const grandchild = Number(child.lastLines());
    await child.stop();
    expect(await isRunning(child.pid)).toBe(false);
    // Init reaps it, a moment later.
    for (let i = 0; i < 100 && (await isRunning(grandchild)); i++) await sleep(10);
    expect(await isRunning(grandchild)).toBe(false);
    await expect(access(pidFile)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('reports an end that nobody asked for, keeps the last lines, and logs everything', async () => {
    const child = await startScript(
      'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo line $i >&2; done; exit 3',
    );
    expect(await child.unexpectedExit).toBe('/bin/sh ended unexpectedly (exit code 3): line 15');
    expect(child.lastLines()).toMatch(/^line 5\n/);
    await child.stop();
    expect(await readFile(path.join(directory, 'log'), 'utf8')).toMatch(/^line 1\n/);
  });

  it('names the program that cannot be run', async () => {
    const failure = startScript('', '/nowhere/program');
    await expect(failure).rejects.toMatchObject({
      code: 'TEMPORAL_START_FAILED',
      message: expect.stringMatching(/cannot run \/nowhere\/program/),
    });
  });
});

describe('stopOrphan', () => {
  it('leaves a program alone that is not ours, although the pid file names it', async () => {
    const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
    cleanup.add(async () => {
      stranger.kill('SIGKILL');
      await once(stranger, 'exit');
    });
    await writeFile(pidFile, `${stranger.pid} 1\n`);
    await stopOrphan(pidFile, (line) => line.includes('postgres'), SIGNALS);
    expect(await isRunning(stranger.pid ?? 0)).toBe(true);
  });

  it.each(['', 'nonsense', '-1 -1\n'])('ignores a pid file that says %j', async (text) => {
    await writeFile(pidFile, text);
    await stopOrphan(pidFile, () => true, SIGNALS);
  });
});
