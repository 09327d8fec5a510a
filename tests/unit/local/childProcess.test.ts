import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Child,
  startChild,
  stopOrphan,
  type StopSignals,
  writePidFile,
} from '../../../src/local/childProcess';
import { Cleanup, hasEnded, isRunning } from './support';

const SIGNALS: StopSignals = [{ signal: 'SIGTERM', graceMs: 100 }];

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

let directory: string;
let pidFile: string;
beforeEach(async () => {
  directory = await cleanup.directory();
  pidFile = path.join(directory, 'child.pid');
});

function startScript(script: string, command = '/bin/sh'): Child {
  const child = startChild({
    command,
    args: ['-c', script],
    env: {},
    pidFile,
    stopSignals: SIGNALS,
    logFile: path.join(directory, 'log'),
  });
  cleanup.add(child.stop);
  return child;
}

describe('startChild', () => {
  it('kills a child that ignores the stop signal, together with the children of that', async () => {
    const child = startScript(`trap '' TERM; sleep 60 & echo $!; while :; do sleep 0.01; done`);
    while (child.lastLines() === '') await sleep(5);
    const grandchild = Number(child.lastLines());
    await child.stop();
    expect(isRunning(child.pid)).toBe(false);
    expect(await hasEnded(grandchild, 1_000)).toBe(true);
    await expect(access(pidFile)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('reports an end that nobody asked for, keeps the last lines, and logs everything', async () => {
    const child = startScript(
      'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo line $i >&2; done; exit 3',
    );
    expect(await child.unexpectedExit).toBe('/bin/sh ended unexpectedly (exit code 3): line 15');
    expect(child.lastLines()).toMatch(/^line 5\n/);
    await child.stop();
    expect(await readFile(path.join(directory, 'log'), 'utf8')).toMatch(/^line 1\n/);
  });

  it('names the program that cannot be run', async () => {
    const child = startScript('', '/nowhere/program');
    expect(await child.unexpectedExit).toMatch(/\(exit code 127\): .*\/nowhere\/program: not found/);
  });
});

describe('stopOrphan', () => {
  async function startStranger(command: string, ...args: string[]): Promise<number> {
    const stranger = spawn(command, args, { stdio: 'ignore' });
    await once(stranger, 'spawn');
    cleanup.add(async () => {
      stranger.kill('SIGKILL');
      if (stranger.exitCode === null && stranger.signalCode === null) await once(stranger, 'exit');
    });
    return stranger.pid ?? 0;
  }

  it('stops what was recorded', async () => {
    const pid = await startStranger('sleep', '60');
    writePidFile(pidFile, pid);
    await writeFile(pidFile, (await readFile(pidFile, 'utf8')).replace(String(process.pid), '1'));
    await stopOrphan(pidFile, SIGNALS);
    expect(await hasEnded(pid, 1_000)).toBe(true);
    await expect(access(pidFile)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('leaves a program alone that has got the pid since, whatever its name', async () => {
    const pid = await startStranger('sleep', '60');
    writePidFile(pidFile, pid);
    const { began, ...recorded } = JSON.parse(await readFile(pidFile, 'utf8')) as { began: string };
    await writeFile(pidFile, JSON.stringify({ ...recorded, began: `${began}0`, ownerPid: 1 }));
    await stopOrphan(pidFile, SIGNALS);
    expect(isRunning(pid)).toBe(true);
  });

  it('takes a zombie for ended', async () => {
    // A shell that does not wait for its child, whose pid it prints.
    const parent = spawn('/bin/sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60']);
    cleanup.add(async () => {
      parent.kill('SIGKILL');
      await once(parent, 'close');
    });
    const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(printed.toString());
    writePidFile(pidFile, pid);
    expect(await hasEnded(pid, 5_000)).toBe(true);
    process.kill(pid, 0); // it is still there
    await stopOrphan(pidFile, SIGNALS);
    await expect(access(pidFile)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each(['', 'nonsense', '-1 -1\n', '{"pid":PID}', '{"pid":PID,"ownerPid":1}', '{"pid":PID,"began":""}'])(
    'ignores a pid file that says %j',
    async (form) => {
      const pid = await startStranger('sleep', '60');
      const text = form.replace('PID', String(pid));
      await writeFile(pidFile, text);
      await stopOrphan(pidFile, SIGNALS);
      expect(isRunning(pid)).toBe(true);
      expect(await readFile(pidFile, 'utf8')).toBe(text);
    },
  );
});
