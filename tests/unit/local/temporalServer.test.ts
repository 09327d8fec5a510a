import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { access, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { commandOutput } from '../../../src/local/watchedProcess';
import {
  startTemporalServer,
  type LocalTemporalServer,
  type TemporalServerOptions,
} from '../../../src/local/temporalServer';
import { CHECKOUT, Cleanup, hasEnded, isRunning, startInKilledProcess, testCli } from './support';

const cleanup = new Cleanup();
let cli: string;
beforeAll(async () => {
  cli = await testCli();
}, 120_000);
afterEach(() => cleanup.run());

async function start(
  options: Partial<TemporalServerOptions> & { dbFile: string },
): Promise<LocalTemporalServer> {
  const server = await startTemporalServer({ cli, port: 0, uiPort: null, ...options });
  cleanup.add(server.stop);
  return server;
}

function temporal(server: { address: string }, ...args: string[]): Promise<string> {
  return commandOutput(cli, [...args, '--address', server.address], {}, 10_000);
}

const START = ['workflow', 'start', '--task-queue', 'none', '--type', 'none', '--workflow-id', 'kept'];

describe('startTemporalServer', () => {
  it('serves the namespaces, with a year of retention, and keeps workflows over a restart', async () => {
    const dbFile = path.join(await cleanup.directory(), 'new/temporal.db');
    const first = await start({ dbFile, namespaces: ['default', 'other'] });
    expect(first.uiUrl).toBeNull();
    for (const namespace of ['default', 'other']) {
      const described = await temporal(
        first,
        'operator',
        'namespace',
        'describe',
        '-n',
        namespace,
        '-o',
        'json',
      );
      expect(described).toMatch(/"workflowExecutionRetentionTtl": "31536000s"/);
    }
    await temporal(first, ...START, '-n', 'other');
    await first.stop();
    expect(isRunning(first.pid)).toBe(false);

    const second = await start({ dbFile, namespaces: ['other'] });
    expect(await temporal(second, 'workflow', 'describe', '-w', 'kept', '-n', 'other')).toMatch(/RunId/);
  });

  it('runs beside another server, on other ports than the preferred ones when those are taken', async () => {
    const directory = await cleanup.directory();
    const [port, uiPort] = [await cleanup.takenPort(), await cleanup.takenPort()];
    const servers = await Promise.all(
      ['a.db', 'b.db'].map((name) => start({ dbFile: path.join(directory, name), port, uiPort })),
    );
    const used = servers.flatMap((server) => [server.address, server.uiUrl]);
    expect(new Set(used).size).toBe(4);
    expect(used).not.toContain(`127.0.0.1:${port}`);
    for (const server of servers) expect((await fetch(server.uiUrl ?? '')).status).toBe(200);
  });

  it('ends with the process that started it, even if that is killed, and keeps its workflows', async () => {
    const dbFile = path.join(await cleanup.directory(), 'temporal.db');
    const options = { cli, dbFile, port: 0, uiPort: null };
    const orphan = await startInKilledProcess(
      'temporalServer',
      'startTemporalServer',
      options,
      CHECKOUT,
      async (alive) => {
        await temporal(alive, ...START);
      },
    );

    expect(await hasEnded(orphan.pid, 10_000)).toBe(true);
    const server = await start({ dbFile });
    expect(await temporal(server, 'workflow', 'describe', '-w', 'kept')).toMatch(/RunId/);
  });

  it('keeps its data in the folder that it was told, whatever characters are in that name', async () => {
    const folder = path.join(await cleanup.directory(), "%41 b#c?d'e");
    await start({ dbFile: path.join(folder, 'temporal.db') });
    expect(await readdir(folder)).toContain('temporal.db');
    expect(await readdir(path.dirname(folder))).toEqual([path.basename(folder)]);
  });

  it('tries again when the server gets in the way of its own ports', async () => {
    const directory = await cleanup.directory();
    // The real one, which for once finds a port taken that nobody else has.
    const stumbling = path.join(directory, 'temporal');
    const message = `Error: can't set frontend port 7233: listen tcp 127.0.0.1:7233: bind: address already in use`;
    await writeFile(
      stumbling,
      `#!/bin/sh
if [ "$2" = start-dev ] && [ ! -e '${directory}/tried' ]; then
  touch '${directory}/tried'
  echo "${message}" >&2
  exit 1
fi
exec '${cli}' "$@"
`,
      { mode: 0o755 },
    );
    const server = await start({ cli: stumbling, dbFile: path.join(directory, 'temporal.db') });
    expect(await temporal(server, 'operator', 'cluster', 'health')).toContain('SERVING');
    expect(await readdir(directory)).toContain('tried');
  });

  it('refuses a file that a live server uses', async () => {
    const dbFile = path.join(await cleanup.directory(), 'temporal.db');
    await start({ dbFile });
    await expect(start({ dbFile })).rejects.toMatchObject({ code: 'local_data_in_use' });
  });

  it('says when the server is killed', async () => {
    const dbFile = path.join(await cleanup.directory(), 'temporal.db');
    let exited: (reason: string) => void = () => {};
    const reason = new Promise<string>((resolve) => (exited = resolve));
    const server = await start({ dbFile, onExit: exited });
    process.kill(server.pid, 'SIGKILL');
    expect(await reason).toMatch(/ended unexpectedly \(SIGKILL\)/);
    await server.stop();
    await expect(access(`${dbFile}.pid`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('quotes the server when it does not start', async () => {
    const dbFile = path.join(await cleanup.directory(), 'temporal.db');
    await writeFile(dbFile, 'this is no database');
    await expect(start({ dbFile })).rejects.toMatchObject({
      code: 'temporal_start_failed',
      message: expect.stringMatching(/not a database/),
    });
  });
});
