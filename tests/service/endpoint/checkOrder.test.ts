import { beforeAll, describe, expect, test } from '@jest/globals';
import { provisionPath } from '../../support/client';
import { sharedService } from '../../support/shared';
import { JSON_TYPE, post, postJson, send } from './support';

const client = sharedService();
let root: string;
let subGroup: string;
beforeAll(async () => {
  root = await client.createNamespace();
  subGroup = await client.createNamespace({ parent_id: root });
});

const UNKNOWN = '999999999999';

const badBodies: [string, string | Buffer | undefined, Record<string, string>][] = [
  ['malformed JSON', '{"provision":', JSON_TYPE],
  ['an oversized body', Buffer.alloc(200_000, 0x20), JSON_TYPE],
  ['a body of another type', 'provision=1', { 'content-type': 'application/x-www-form-urlencoded' }],
  ['a body without a type', '{}', {}],
  ['an unknown content encoding', '{}', { ...JSON_TYPE, 'content-encoding': 'rot13' }],
  ['no body', undefined, JSON_TYPE],
  ['wrong parameters', '{"provision":{"base_product":{"seats":"x"}},"sync_id":-1}', JSON_TYPE],
];

describe.each(badBodies)('%s', (_name, body, headers) => {
  test('without a token is 401, be the namespace known, a sub-group or unknown', async () => {
    for (const id of [root, subGroup, UNKNOWN, 'no-such-group']) {
      const answer = await send(client.service.apiUrl, {
        path: provisionPath(id),
        headers,
        ...(body === undefined ? {} : { body }),
      });
      expect(answer).toMatchObject({ status: 401, text: '{"message":"401 Unauthorized"}' });
    }
  });

  test('with a token for an unknown namespace is 404', async () => {
    for (const id of [UNKNOWN, 'no-such-group']) {
      const answer = await post(client, id, body, headers);
      expect(answer).toMatchObject({ status: 404, text: '{"message":"404 Namespace Not Found"}' });
    }
  });

  test('for a sub-group is 400, naming the root namespace rule only', async () => {
    const answer = await post(client, subGroup, body, headers);
    expect(answer).toMatchObject({
      status: 400,
      text: '{"message":"400 Bad request - Must be root namespace"}',
    });
  });

  test('for a root namespace is an error of the body', async () => {
    const { status, text } = await post(client, root, body, headers);
    expect([400, 413, 415]).toContain(status);
    expect(JSON.parse(text)).toEqual({ error: expect.any(String) });
  });
});

test('a sub-group is refused although the request is right', async () => {
  const answer = await postJson(client, subGroup, { provision: {} });
  expect(answer).toMatchObject({
    status: 400,
    text: '{"message":"400 Bad request - Must be root namespace"}',
  });
});

test('wrong parameters are reported before an older sync_id is', async () => {
  const id = await client.createNamespace();
  await client.provision(id, {}, 20);
  expect((await postJson(client, id, { sync_id: 10 })).text).toBe('{"error":"provision is missing"}');
  expect((await postJson(client, id, { sync_id: 10, provision: {} })).status).toBe(409);
});

test('what was refused at the door has no run and moves no fence', async () => {
  const id = await client.createNamespace();
  const answers = [
    await postJson(client, id, { sync_id: 99, provision: { base_product: { seats: 'x' } } }),
    await post(client, id, '{"sync_id":99,"provision":{}}', { 'content-type': 'text/plain' }),
  ];
  for (const { headers } of answers) expect(headers['x-provision-run-id']).toBeUndefined();
  expect(await client.ledger(id)).toEqual([]);
  expect((await client.provision(id, {}, 1)).status).toBe(200);
});
