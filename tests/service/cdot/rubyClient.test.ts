import { createPrivateKey, type JsonWebKey } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { keyFileIn } from '../../../src/issuer/keys';
import { ServiceClient } from '../../support/client';
import { findProgram } from '../../support/findProgram';
import { newDirectory, run } from '../cli/support';

const TESTS = path.join(__dirname, '../../../clients/ruby/provision_client_test.rb');
const ruby = findProgram(['ruby'], [], process.env['PATH']);
const isLeftOut = ruby === null && process.env['CI'] !== 'true';
if (isLeftOut) console.warn('skipped: the client for Ruby: there is no ruby here, install the package ruby');

let client: ServiceClient;
const healer = createServer((_request, response) => {
  void client.heal(blocked).then(() => response.end());
});
let blocked: string;
beforeAll(async () => {
  client = ServiceClient.of('compensate');
  healer.listen(0, '127.0.0.1');
  await once(healer, 'listening');
});
afterAll(async () => {
  healer.close();
  await client.close();
});

(isLeftOut ? describe.skip : describe)('the client for Ruby', () => {
  test('does with each answer what the contract says (its own tests pass)', async () => {
    const create = (path?: string) => client.createNamespace(path === undefined ? {} : { path });
    const [namespace, other, overtaken] = await Promise.all([
      create(),
      create(),
      create(),
      create('by_path.1'),
    ]);
    blocked = await create();
    await client.fault(blocked, 'gitlab_subscriptions', '40001');
    const setup = {
      ...{ namespace, other, overtaken, blocked, path: 'by_path.1' },
      url: client.service.apiUrl,
      key_file: await pemOf(client.service.dataDir),
      heal: `http://127.0.0.1:${(healer.address() as AddressInfo).port}`,
    };
    const ended = await run(ruby ?? 'ruby', [TESTS], { PROVISIONER_TEST: JSON.stringify(setup) });
    expect(ended).toMatchObject({
      code: 0,
      out: expect.stringMatching(/ [1-9]\d* assertions, 0 failures, 0 errors, 0 skips$/m),
    });
    const stored = await client.rows('SELECT seats FROM gitlab_subscriptions WHERE namespace_id = ANY($1)', [
      [namespace, blocked],
    ]);
    expect(stored).toEqual([{ seats: 10 }, { seats: 10 }]);
  }, 90_000);
});

/** The key that signs for a service, as CustomersDot has its own. @returns a file */
async function pemOf(dataDir: string): Promise<string> {
  const { keys } = JSON.parse(await readFile(keyFileIn(dataDir), 'utf8')) as { keys: [JsonWebKey] };
  const key = createPrivateKey({ key: keys[0], format: 'jwk' });
  const file = path.join(await newDirectory('ruby'), 'key.pem');
  await writeFile(file, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return file;
}
