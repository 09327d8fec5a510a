import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { provisionPath, ServiceClient } from '../../support/client';
import { sharedService } from '../../support/shared';
import { testEnvironment } from '../../support/environment';
import { JSON_TYPE, NOTHING, NOTHING_ASKED, post, postJson, send, TOKEN, type WireAnswer } from './support';

const client = sharedService();
const independent = sharedService('independent');
let connection: Connection;
let id: string;
beforeAll(async () => {
  connection = await Connection.connect({ address: testEnvironment().temporalAddress });
  id = await client.createNamespace();
});
afterAll(() => connection.close());

const PURCHASE = { quantity: 1, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' };
const SECTIONS = {
  add_on_purchases: { duo_core: [PURCHASE] },
  compute_minutes: { shared_runners_minutes_limit: 5 },
  storage: { additional_purchased_storage_size: 6 },
  base_product: { plan_code: 'premium', seats: 7 },
};
const OK = '{"status":"success"}';

/** Sends a request to the service with a valid token. */
async function ask(
  method: string,
  path: string,
  headers: Record<string, string | string[]> = {},
): Promise<WireAnswer> {
  return send(client.service.apiUrl, {
    method,
    path,
    headers: { [TOKEN]: await client.token(), ...headers },
  });
}

/** The run that the headers name, as Temporal knows it. */
async function runOf({ headers }: WireAnswer, { service }: ServiceClient) {
  const temporal = new Client({ connection, namespace: service.temporalNamespace });
  const [workflowId, runId] = [headers['x-provision-workflow-id'], headers['x-provision-run-id']];
  const handle = temporal.workflow.getHandle(String(workflowId), String(runId));
  await handle.result().catch(() => undefined); // the answer may come before the end
  const { status } = await handle.describe();
  return { status: status.name, workflowId, runId, url: headers['x-provision-workflow-url'] };
}

describe('200', () => {
  test('has an entry for each section in the order of the contract, whatever was sent first', async () => {
    const answer = await postJson(client, await client.createNamespace(), { provision: SECTIONS });
    expect(answer).toMatchObject({
      status: 200,
      text:
        '{"status":"success","message":null,"payload":' +
        `{"base_product":${OK},"storage":${OK},"compute_minutes":${OK},"add_on_purchases":${OK}}}`,
    });
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  });

  test.each(Object.entries(SECTIONS))(
    'has an entry for %s alone when nothing else was asked',
    async (section, value) => {
      const answer = await postJson(client, await client.createNamespace(), {
        provision: { [section]: value },
      });
      expect(answer).toMatchObject({
        status: 200,
        text: NOTHING_ASKED.replace(`"${section}":null`, `"${section}":${OK}`),
      });
    },
  );

  test('names its run, which has completed', async () => {
    const namespace = await client.createNamespace();
    const answer = await postJson(client, namespace, { provision: SECTIONS, sync_id: 1 });
    const run = await runOf(answer, client);
    expect(run).toMatchObject({ status: 'COMPLETED', workflowId: `provision:${namespace}` });
    expect(run.url).toBe(
      `http://temporal.example/namespaces/${client.service.temporalNamespace}/workflows/provision%3A${namespace}/${String(run.runId)}/history`,
    );
  });

  test('names its run also when nothing was asked', async () => {
    const answer = await postJson(client, await client.createNamespace(), { provision: null });
    expect(await runOf(answer, client)).toMatchObject({ status: 'COMPLETED' });
  });

  test('of the same request sent again is the same text, from another run', async () => {
    const namespace = await client.createNamespace();
    const first = await postJson(client, namespace, { provision: SECTIONS, sync_id: 1 });
    const second = await postJson(client, namespace, { provision: SECTIONS, sync_id: 1 });
    expect(second.text).toBe(first.text);
    expect(second.headers['x-provision-run-id']).not.toBe(first.headers['x-provision-run-id']);
  });
});

describe('422', () => {
  const refused = {
    ...SECTIONS,
    storage: { additional_purchased_storage_size: null },
    add_on_purchases: { future_feature: [PURCHASE] },
  };
  const storage = "Namespace limit additional purchased storage size can't be blank";
  const addOns = "'future_feature' is not a valid name";
  const text = (others: string) =>
    `{"status":"error","message":"${storage}, ${addOns}","payload":{"base_product":${others},` +
    `"storage":{"status":"error","message":"${storage}"},"compute_minutes":${others},` +
    `"add_on_purchases":{"status":"error","message":"${addOns}"}}}`;

  test('joins the messages of the refused sections in section order; the others are skipped', async () => {
    const answer = await postJson(client, await client.createNamespace(), { provision: refused });
    expect(answer).toMatchObject({ status: 422, text: text('{"status":"skipped"}') });
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  });

  test('under independent the others are applied', async () => {
    const namespace = await independent.createNamespace();
    const answer = await postJson(independent, namespace, { provision: refused });
    expect(answer).toMatchObject({ status: 422, text: text(OK) });
    const rows = await independent.snapshot(namespace);
    expect(rows['namespaces']).toMatchObject([{ shared_runners_minutes_limit: 5 }]);
    expect(rows['gitlab_subscriptions']).toMatchObject([{ seats: 7 }]);
  });

  test('names its run, which has failed', async () => {
    for (const service of [client, independent]) {
      const namespace = await service.createNamespace();
      const answer = await postJson(service, namespace, { provision: refused });
      const run = await runOf(answer, service);
      expect(run).toMatchObject({ status: 'FAILED', workflowId: `provision:${namespace}` });
      expect(run.url).toContain(`/namespaces/${service.service.temporalNamespace}/`);
    }
  });
});

test('409 names the newer sync, has nothing in its payload and changes nothing', async () => {
  const namespace = await client.createNamespace();
  await client.provision(namespace, { storage: SECTIONS.storage }, 125);
  const before = await client.snapshot(namespace);
  const answer = await postJson(client, namespace, { provision: SECTIONS, sync_id: 124 });
  expect(answer).toMatchObject({
    status: 409,
    text: `{"status":"skipped","message":"Superseded by sync 125",${NOTHING}}`,
  });
  expect(await client.snapshot(namespace)).toEqual(before);
});

describe('X-Request-Id', () => {
  test.each([
    ['a word', 'abc'],
    ['all printable ASCII', String.fromCharCode(...Array.from({ length: 94 }, (_, index) => 0x21 + index))],
    ['255 characters', 'x'.repeat(255)],
  ])('is taken from the request: %s', async (_name, sent) => {
    expect((await ask('GET', '/-/liveness', { 'x-request-id': sent })).headers['x-request-id']).toBe(sent);
  });

  test.each<[string, string | string[]]>([
    ['empty', ''],
    ['with a space', 'a b'],
    ['with a tab', 'a\tb'],
    ['of 256 characters', 'x'.repeat(256)],
    ['not ASCII', 'é'],
    ['sent twice', ['a', 'b']],
  ])('is made when it is %s', async (_name, sent) => {
    const made = String((await ask('GET', '/-/liveness', { 'x-request-id': sent })).headers['x-request-id']);
    expect(made).toMatch(/^[\x21-\x7e]{20,255}$/);
    expect(sent).not.toContain(made);
  });

  test('is another one each time', async () => {
    const made = [await ask('GET', '/-/liveness'), await ask('GET', '/-/liveness')];
    expect(new Set(made.map(({ headers }) => headers['x-request-id'])).size).toBe(2);
  });

  test('is on every answer, whatever became of the request', async () => {
    const headers = { ...JSON_TYPE, [TOKEN]: await client.token(), 'x-request-id': 'mine' };
    const answers = [
      await post(client, id, '{"provision":{}}', headers),
      await post(client, id, '{"provision":{"storage":{"additional_purchased_storage_size":null}}}', headers),
      await post(client, id, '{', headers),
      await post(client, id, '{}', { ...headers, 'content-type': 'text/plain' }),
      await post(client, id, Buffer.alloc(150_000), headers),
      await post(client, id, '{}', { ...headers, [TOKEN]: 'x' }),
      await post(client, '999999999999', '{}', headers),
      await ask('GET', '/no/such/page', headers),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 422, 400, 415, 413, 401, 404, 404]);
    expect(answers.map((answer) => answer.headers['x-request-id'])).toEqual(answers.map(() => 'mine'));
  });
});

test('no answer tells what the service is made of', async () => {
  for (const answer of [
    await ask('GET', '/-/liveness'),
    await post(client, id, '{'),
    await ask('GET', '/nothing'),
  ]) {
    expect(answer.headers['x-powered-by']).toBeUndefined();
    expect(answer.headers['server']).toBeUndefined();
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
  }
});

describe('a route or method that does not exist is 404 in JSON', () => {
  const internal = '/api/v4/internal/gitlab_subscriptions/namespaces';
  test.each([
    ['GET', '/'],
    ['GET', '/api/v4/internal'],
    ['POST', `${internal}/1`],
    ['POST', `${internal}/1/provision/2`],
    ['POST', `${internal}/a/b/provision`],
    ['POST', '/-/liveness'],
    ['POST', '/api/v4/internal/openapi.json'],
    ['GET', '/%ff'],
    ['GET', '/../../etc/passwd'],
    ['GET', '//'],
    ['TRACE', '/'],
  ])('%s %s', async (method, path) => {
    const { status, text, headers } = await ask(method, path);
    expect({ status, text }).toEqual({ status: 404, text: '{"error":"404 Not Found"}' });
    expect(headers['content-type']).toMatch(/^application\/json/);
  });

  test.each(['GET', 'PUT', 'PATCH', 'DELETE'])('%s on the endpoint', async (method) => {
    const { status, text } = await ask(method, provisionPath(id));
    expect({ status, text }).toEqual({ status: 404, text: '{"error":"404 Not Found"}' });
  });

  test('HEAD on the endpoint, without a body', async () => {
    expect(await ask('HEAD', provisionPath(id))).toMatchObject({ status: 404, text: '' });
  });

  test('below /api/v4/internal nothing is told without a token, not even by another spelling of the path', async () => {
    const endpoint = provisionPath(id);
    const requests: [string, string][] = [
      ['GET', '/api/v4/internal'],
      ['GET', '/api/v4/internal/nothing'],
      ['OPTIONS', endpoint],
      ['HEAD', endpoint],
      ['PUT', endpoint],
      ['POST', `${endpoint}/`],
      ['POST', endpoint.toUpperCase()],
      ['POST', endpoint.replace(id, '%ff')],
    ];
    for (const [method, path] of requests) {
      const { status } = await send(client.service.apiUrl, { method, path });
      expect({ method, path, status }).toEqual({ method, path, status: 401 });
    }
  });
});

describe('without a token are answered', () => {
  const get = (path: string, method = 'GET') => send(client.service.apiUrl, { method, path });

  test('GET /-/liveness', async () => {
    expect(await get('/-/liveness')).toMatchObject({ status: 200, text: '{"status":"ok"}' });
    expect(await get('/-/liveness', 'HEAD')).toMatchObject({ status: 200, text: '' });
  });

  test('GET /-/readiness, with every check', async () => {
    const { status, text } = await get('/-/readiness');
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({
      status: 'ok',
      checks: { gitlab_database: 'ok', gitlab_schema: 'ok', temporal: 'ok', worker: 'ok' },
    });
  });

  test('GET /api/v4/internal/openapi.json', async () => {
    const { status, text, headers } = await get('/api/v4/internal/openapi.json');
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^application\/json/);
    expect(JSON.parse(text)).toEqual(expect.any(Object));
  });
});

describe('what is no HTTP is refused, and the service goes on', () => {
  function talk(bytes: string): Promise<string> {
    const { hostname, port } = new URL(client.service.apiUrl);
    return new Promise((resolve, reject) => {
      let received = '';
      const socket = connect(Number(port), hostname, () => socket.write(bytes));
      socket.on('data', (data) => (received += data.toString('latin1')));
      socket.on('close', () => resolve(received));
      socket.on('error', reject);
    });
  }

  test.each([
    ['garbage', 'garbage\r\n\r\n', 400],
    ['a header over 16 kB', `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['a length that is no number', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n', 400],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
  ])('%s', async (_name, bytes, status) => {
    const received = await talk(bytes);
    expect(received).toMatch(new RegExp(`^HTTP/1.1 ${status} [^\n]*\r\n[^{]*$`));
    expect(await post(client, id, '{"provision":{}}')).toMatchObject({ status: 200 });
  });
});
