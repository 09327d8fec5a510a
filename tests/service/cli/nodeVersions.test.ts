import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { testEnvironment } from '../../support/environment';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { demoCommand, MAIN, newDirectory, run } from './support';

const CACHE = path.join(__dirname, '../../../node_modules/.cache/node');
const { temporalCli } = testEnvironment();

const nodeOf = (major: number) =>
  path.join(CACHE, `${major}/node_modules/node-${process.platform}-${process.arch}/bin/node`);

/** Runs where that Node was fetched; without it, it fails in CI. */
function onNode(major: number, name: string, work: (node: string) => Promise<void>): void {
  const isThere = existsSync(nodeOf(major)) || Boolean(process.env['CI']);
  if (!isThere) console.warn(`skipped: Node ${major}: "node scripts/fetchNodes.mjs" fetches it`);
  (isThere ? test : test.skip)(`Node ${major} ${name}`, () => work(nodeOf(major)), 60_000);
}

let service: ServiceProcess | undefined;
afterEach(() => service?.stop());

/** Runs everything, and provisions the demo group. @returns what the start said */
async function provisionOn(node: string): Promise<string> {
  const env = { DATA_DIR: await newDirectory(`node-${path.basename(path.join(node, '../../../..'))}`) };
  const proxy = 'http://127.0.0.1:1';
  service = await startServiceProcess(
    // From 24 on, Node can take proxies from the environment. They must not be between us and our own servers.
    { ...env, TEMPORAL_CLI_PATH: temporalCli, HTTP_PROXY: proxy, NODE_USE_ENV_PROXY: '1' },
    [],
    MAIN,
    node,
  );
  const command = demoCommand(service.progress()).replace('npx provisioner', `${node} ${MAIN}`);
  expect((await run('bash', ['-c', command], env)).out).toContain('"status":"success"');
  const sync = `echo '{}' | ${node} ${MAIN} sync demo-group - --wait`;
  expect(await run('bash', ['-c', sync], env)).toMatchObject({ code: 0 });
  return service.progress();
}

describe('the service on', () => {
  onNode(18, 'says that it is too old, before anything else can fail', async (node) => {
    const { code, out, err } = await run(node, [MAIN, 'start']);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(
      /^provisioner: Node 18\.\S+ is too old: it takes Node 20\.19, 22\.12 or newer; use Node 24\n$/,
    );
  });

  onNode(20, 'provisions, and says once that it is past its end of life', async (node) => {
    expect(
      (await provisionOn(node)).match(/Node 20\.\S+ is past its end of life: use Node 24/g),
    ).toHaveLength(1);
  });

  onNode(22, 'provisions', async (node) => expect(await provisionOn(node)).not.toContain('end of life'));

  onNode(24, 'provisions', async (node) => expect(await provisionOn(node)).not.toContain('end of life'));
});
