import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { freePort } from '../../src/local/ports';
import { createLogin, grant } from '../service/deployment/support/logins';
import { createDatabase } from '../service/sections/support/ownService';
import { testEnvironment } from '../support/environment';
import { Exposition } from '../support/exposition';
import { findProgram } from '../support/findProgram';
import { untilUp, type ServiceProcess } from '../support/serviceProcess';
import { fullSync } from '../support/syncs';
import { createTemporalNamespace } from '../support/temporalServer';
import { MEMORY_LIMIT, mountImage, startContainer, type Command, type MountedImage } from './container';

const ROOT = path.join(__dirname, '../..');
const needed = ['buildah', 'debootstrap', 'runc'];
const missing = needed.filter((name) => findProgram([name], [], process.env['PATH']) === null);
const isPossible = missing.length === 0 && process.getuid?.() === 0 && process.arch === 'x64';
const WHY = `this needs root, x64, and the packages ${needed.join(', ')}`;
const isSkipped = !isPossible && process.env['CI'] !== 'true';
if (isSkipped) console.warn(`skipped: the image: ${WHY}`);

(isSkipped ? describe.skip : describe)('the image', () => {
  const NAME = 'image';
  let image: MountedImage;
  let folder: string;
  const containers: ServiceProcess[] = [];
  beforeAll(async () => {
    if (!isPossible) throw new Error(WHY);
    const { stdout } = await promisify(execFile)(path.join(ROOT, 'scripts/buildImage.sh'), {
      maxBuffer: 1e8,
    });
    image = await mountImage(stdout.trim());
    folder = path.join(testEnvironment().directory, NAME);
    await mkdir(folder);
  }, 1_200_000);
  afterAll(async () => {
    await Promise.all(containers.map((each) => each.stop()));
    await image?.unmount();
  }, 60_000);

  let count = 0;
  const container = (command: Command) =>
    startContainer(image, path.join(folder, `provisioner-${process.pid}-${++count}`), command);

  /** Runs a command to its end. */
  async function run(command: Command): Promise<{ code: number | null; text: string }> {
    const child = await container(command);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
    await once(child, 'close');
    return { code: child.exitCode, text };
  }

  async function start(part: string, env: Record<string, string>, more: Partial<Command> = {}) {
    const service = await untilUp(await container({ args: ['start', '--only', part], env, ...more }));
    containers.push(service);
    return service;
  }

  test('holds what runs and nothing else, and trusts what the system trusts', async () => {
    const sizeOf = (file: string) =>
      stat(path.join(image.root, file)).then(
        ({ size }) => size,
        () => null,
      );
    for (const file of [
      'app/src',
      'app/tests',
      'app/node_modules/typescript',
      'app/node_modules/jest',
      'root/.npmrc',
    ]) {
      expect([file, await sizeOf(file)]).toEqual([file, null]);
    }
    expect(await sizeOf('etc/ssl/certs/ca-certificates.crt')).toBeGreaterThan(100_000);
  });

  test('runs Node 24 as user 1000 on a root that it cannot write', async () => {
    const script = `const fs = require('fs'); const tell = (file) => { try { fs.writeFileSync(file, ''); return 'written'; }
      catch (error) { return error.code; } };
      console.log(JSON.stringify([process.versions.node.split('.')[0], process.getuid(), process.getgid(),
        ...['/app/x', '/usr/x', '/data/x', '/tmp/x'].map(tell)]));`;
    const { text } = await run({ args: ['-e', script], entrypoint: ['node'] });
    expect(JSON.parse(text)).toEqual(['24', 1000, 1000, 'EROFS', 'EROFS', 'written', 'written']);
  });

  test('migrates, runs the three parts with the grants of deploy/sql, and provisions a sync', async () => {
    const { adminUrl, temporalAddress, temporalCli } = testEnvironment();
    const [gitlabUrl, customersDotUrl] = [
      await createDatabase(adminUrl, NAME),
      await emptyDatabase(`${NAME}_cdot`),
    ];
    const temporalNamespace = await createTemporalNamespace(temporalCli, temporalAddress, NAME);

    const owner = { GITLAB_DATABASE_URL: gitlabUrl, CUSTOMERS_DOT_DATABASE_URL: customersDotUrl };
    const migrate = () => run({ args: ['migrate'], env: owner });
    expect(await migrate()).toMatchObject({ code: 0, text: expect.stringContaining('Applied') });
    expect(await migrate()).toMatchObject({ code: 0, text: expect.not.stringContaining('Applied') });
    await grant(gitlabUrl, 'gitlab.sql');
    await grant(customersDotUrl, 'customers_dot.sql');

    const PORT = await anyPort();
    const ADMIN_PORT = await anyPort();
    const WORKER_PORT = await anyPort();
    const CUSTOMERS_DOT_PORT = await anyPort();
    // The image listens everywhere; a test must not.
    const shared = { HOST: '127.0.0.1', SUBSCRIPTION_PORTAL_URL: `http://127.0.0.1:${CUSTOMERS_DOT_PORT}` };
    const temporal = { TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE: temporalNamespace };
    const ofCustomersDot = {
      ...{ ...shared, CUSTOMERS_DOT_PORT, PROVISION_API_URL: `http://127.0.0.1:${PORT}` },
      CUSTOMERS_DOT_DATABASE_URL: await createLogin(
        customersDotUrl,
        'provisioner_customers_dot',
        `${NAME}_cdot`,
      ),
    };
    const data = path.join(folder, 'data');
    await mkdir(data);
    await chown(data, 1000, 1000);
    const [api, worker, cdot] = await Promise.all([
      start('api', {
        ...{ ...shared, ...temporal, PORT, ADMIN_PORT, AUDIT_USER: 'auditor', AUDIT_PASSWORD: 'secret' },
        GITLAB_DATABASE_URL: await createLogin(gitlabUrl, 'provisioner_auditor', `${NAME}_api`),
      }),
      start('worker', {
        ...{ ...shared, ...temporal, WORKER_PORT },
        GITLAB_DATABASE_URL: await createLogin(gitlabUrl, 'provisioner_worker', `${NAME}_worker`),
      }),
      start('cdot', ofCustomersDot, { data }),
    ]);
    for (const port of [ADMIN_PORT, WORKER_PORT, CUSTOMERS_DOT_PORT]) {
      expect((await fetch(`http://127.0.0.1:${port}/-/readiness`)).status).toBe(200);
    }

    const id = await createNamespace(gitlabUrl);
    const sent = await run({
      args: ['sync', id, '-', '--wait'],
      env: ofCustomersDot,
      input: JSON.stringify(fullSync(7)),
    });
    expect(sent).toMatchObject({ code: 0, text: expect.stringContaining('completed') });
    const [row] = await rowsOf(
      gitlabUrl,
      `SELECT seats FROM gitlab_subscriptions WHERE namespace_id = ${id}`,
    );
    expect(row).toEqual({ seats: 7 });

    const metrics = await Exposition.of(`http://127.0.0.1:${ADMIN_PORT}`);
    expect(metrics.value('provisioner_memory_limit_bytes', { of: 'process' })).toBe(MEMORY_LIMIT);
    expect(await Promise.all([cdot, api, worker].map((each) => each.stop()))).toEqual([0, 0, 0]);
    containers.length = 0;
  }, 240_000);
});

const anyPort = async () => String(await freePort(0, '127.0.0.1'));

async function emptyDatabase(name: string): Promise<string> {
  const { adminUrl } = testEnvironment();
  await rowsOf(adminUrl, `CREATE DATABASE ${name}`);
  return adminUrl.replace(/\/postgres$/, `/${name}`);
}

async function createNamespace(url: string): Promise<string> {
  const columns = `(name, path, type, organization_id) VALUES ('Image', 'image', 'Group', 1)`;
  const [row] = await rowsOf(url, `INSERT INTO namespaces ${columns} RETURNING id`);
  const settings = '(namespace_id, created_at, updated_at)';
  await rowsOf(
    url,
    `INSERT INTO namespace_settings ${settings} VALUES (${String(row?.['id'])}, now(), now())`,
  );
  return String(row?.['id']);
}

async function rowsOf(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
