import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { findRuntime } from '../../../src/cli/runtimeFile';
import type { AuditedSync } from '../../../src/cdot/audit';
import { testEnvironment } from '../../support/environment';
import { leftOn } from '../../support/processes';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { demoCommand, newDirectory, provisioner, shell } from './support';

const { temporalCli } = testEnvironment();
const taken: Server[] = [];
const services: ServiceProcess[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop('SIGKILL');
  for (const server of taken.splice(0)) server.close();
});

async function environmentOn(name: string): Promise<Record<string, string> & { DATA_DIR: string }> {
  return { DATA_DIR: await newDirectory(name), TEMPORAL_CLI_PATH: temporalCli };
}

async function start(env: Record<string, string>, ...args: string[]): Promise<ServiceProcess> {
  const service = await startServiceProcess(env, args);
  services.push(service);
  return service;
}

/** Listens on a port, so that it is taken. @param port 0: any */
async function take(port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  taken.push(server);
  return (server.address() as { port: number }).port;
}

test('starts with nothing configured, provisions the demo group, stops at once and finds its data again', async () => {
  const env = { ...(await environmentOn('all-in-one')), PORT: String(await take(0)) };
  const first = await start(env);
  expect(first.progress()).toContain(`port ${env.PORT} is taken`);
  const { code, out } = await shell(demoCommand(first.progress()), env);
  expect([code, out]).toEqual([0, expect.stringContaining('{"status":"success","message":null')]);
  const password = await openAuditPage(first, env.DATA_DIR);
  const begun = Date.now();
  expect(await first.stop('SIGINT')).toBe(0);
  expect(Date.now() - begun).toBeLessThan(10_000);
  expect(await leftOn(env.DATA_DIR)).toEqual([]);

  const second = await start(env);
  expect(await openAuditPage(second, env.DATA_DIR)).toBe(password);
  const again = await shell(demoCommand(second.progress()).replace('"sync_id":1', '"sync_id":0.5'), env);
  expect(again.out).toBe('{"error":"sync_id is invalid"}');
  expect((await shell(demoCommand(second.progress()), env)).out).toContain('"status":"success"');
  expect(await second.stop('SIGTERM')).toBe(0);
  expect(await leftOn(env.DATA_DIR)).toEqual([]);
}, 90_000);

test('a data directory may have any name, and what a shell says about other servers does not reach ours', async () => {
  const { DATA_DIR, ...rest } = await environmentOn("%41 b#c?d'e");
  const elsewhere = 'http://127.0.0.1:1';
  const env = {
    ...rest,
    ...{ PGSSLMODE: 'require', PGOPTIONS: '-c search_path=nowhere', PGSSLNEGOTIATION: 'direct' },
    ...{ HTTP_PROXY: elsewhere, https_proxy: elsewhere, ALL_PROXY: elsewhere, grpc_proxy: elsewhere },
    NODE_USE_ENV_PROXY: '1', // Node 24 takes proxies from the environment then
  };
  const service = await start(env, '--data-dir', DATA_DIR);
  expect((await shell(demoCommand(service.progress()), rest)).out).toContain('"status":"success"');
  // By way of CustomersDot, to a group beside the demo group, by its path.
  const own = { ...env, DATA_DIR };
  expect((await provisioner(['namespaces', 'create', 'my-group'], own)).out).toBe(
    'Group my-group has the id 1001.\n',
  );
  expect((await provisioner(['namespaces', 'create', 'My-Group'], own)).err).toContain(
    'provisioner: There is a group My-Group already: its id is 1001\n',
  );
  const sync = await shell(
    `echo '{"storage":{"additional_purchased_storage_size":1}}' | npx provisioner sync my-group - --wait`,
    own,
  );
  expect([sync.code, sync.out]).toEqual([0, expect.stringContaining('Sync 1: completed (HTTP 200')]);
  expect(await service.stop()).toBe(0);
}, 90_000);

test('parts that run apart find each other’s servers, and the token is good for the API', async () => {
  const env = await environmentOn('in-parts');
  const worker = await start(env, '--only', 'worker');
  const api = await start(env, '--only', 'api');
  expect((await shell(demoCommand(api.progress()), env)).out).toContain('"status":"success"');
  // Each of them once; and all three at once would be two of each.
  for (const args of [['start'], ['start', '--only', 'api']]) {
    expect(await provisioner(args, env)).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /^provisioner: process \d+ runs (api|worker) on DATA_DIR .*stop it first, or set another DATA_DIR\n$/,
      ),
    });
  }
  expect(await api.stop()).toBe(0);
  expect(await worker.stop()).toBe(0);
  expect(await leftOn(env.DATA_DIR)).toEqual([]);
}, 90_000);

test('parts that are started at the same time find each other, too', async () => {
  const env = await environmentOn('together');
  const services = await Promise.all(
    ['cdot', 'relay', 'api', 'worker'].map((part) => start(env, '--only', part)),
  );
  expect(services.map((service) => service.progress()).join()).toMatch(
    /waiting for process \d+, which is starting/,
  );
  const sync = await shell(`echo '{}' | npx provisioner sync demo-group - --wait`, env);
  expect(sync).toMatchObject({ code: 0, out: expect.stringContaining('completed (HTTP 200') });
}, 60_000);

test('a second start says that the first runs, and where', async () => {
  const env = await environmentOn('twice');
  const first = await start(env);
  const [one, two] = await Promise.all([provisioner(['start'], env), provisioner(['start'], env)]);
  const line = `provisioner: process ${first.child.pid} runs api, worker, cdot, relay on DATA_DIR ${env.DATA_DIR} already (${first.apiUrl}): stop it first, or set another DATA_DIR\n`;
  const refused = { code: 1, out: '', err: line };
  expect([one, two]).toEqual([refused, refused]);
  expect((await fetch(`${first.apiUrl}/-/readiness`)).status).toBe(200);
}, 60_000);

test('the servers keep their ports; where one is taken, the start says which is used instead', async () => {
  const env = await environmentOn('ports');
  const portsOf = async () => {
    const { gitlabDatabaseUrl, temporalAddress, temporalUiUrl } = await findRuntime(env.DATA_DIR);
    const urls = [gitlabDatabaseUrl, `http://${temporalAddress}`, temporalUiUrl];
    return urls.map((url) => Number(new URL(url ?? '').port));
  };
  // Kept by an earlier start; and one is taken. (Other tests use the usual ones meanwhile.)
  const [postgres, temporal, temporalUi] = await Promise.all([take(0), take(0), take(0)]);
  for (const server of taken.splice(0)) server.close();
  await take(postgres);
  await writeFile(path.join(env.DATA_DIR, 'ports.json'), JSON.stringify({ postgres, temporal, temporalUi }));
  const first = await start(env);
  const used = await portsOf();
  expect(used).toEqual([expect.any(Number), temporal, temporalUi]);
  expect(first.progress()).toContain(
    `port ${postgres} is taken: PostgreSQL listens on ${used[0]} from now on\n`,
  );
  const sync = await shell(`echo '{}' | npx provisioner sync 1000 - --wait`, env);
  expect(sync.code).toBe(0);
  await first.stop();
  for (const server of taken.splice(0)) server.close();

  // The one that it had before is free again, but programs know the other one by now.
  const second = await start(env);
  expect(await portsOf()).toEqual(used);
  expect(second.progress()).not.toContain('from now on');
  expect(await linkOf(env)).toContain(
    `http://127.0.0.1:${temporalUi}/namespaces/default/workflows/provision`,
  );
  await second.stop();

  await take(temporalUi);
  const third = await start(env);
  const ui = (await portsOf())[2];
  expect(third.progress()).toContain(
    `port ${temporalUi} is taken: Temporal's UI listens on ${ui} from now on\n`,
  );
  // A link is to where the UI is now.
  expect(await linkOf(env)).toContain(`http://127.0.0.1:${ui}/namespaces/default/workflows/provision`);
}, 90_000);

async function linkOf(env: Record<string, string>): Promise<string | undefined> {
  const { out } = await provisioner(['syncs', 'demo-group', '--json'], env);
  const [sync] = JSON.parse(out) as (AuditedSync & { attempts: { run_url: string }[] })[];
  return sync?.attempts[0]?.run_url;
}

/** Opens the page that the banner names with the password that was made for it. @returns the password */
async function openAuditPage(service: ServiceProcess, dataDir: string): Promise<string> {
  const file = path.join(dataDir, 'audit', 'password');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const password = (await readFile(file, 'utf8')).trim();
  // No terminal reads this banner, so it tells only where the password is.
  expect(service.progress()).toContain(`user audit, password in ${file}`);
  const [url = ''] = /http\S*\/namespaces\/demo-group$/m.exec(service.progress()) ?? [];
  const page = await fetch(url, {
    headers: { authorization: `Basic ${Buffer.from(`audit:${password}`).toString('base64')}` },
  });
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<h3>Sync 1 ')]);
  expect(service.log() + service.progress()).not.toContain(password);
  return password;
}
