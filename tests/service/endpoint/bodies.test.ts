import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { provisionPath } from '../../support/client';
import { sharedService } from '../../support/shared';
import { errorOf, JSON_TYPE, NOTHING_ASKED, post, send, TOKEN } from './support';

const client = sharedService();
let id: string;
beforeAll(async () => {
  id = await client.createNamespace();
});

const EMPTY = '{"provision":{}}';
const APPLIED = { status: 200, text: NOTHING_ASKED };
const LIMIT = 100 * 1024;

/** A right body of exactly this many bytes. */
function bodyOf(bytes: number): string {
  const frame = '{"provision":{},"filler":""}';
  return frame.replace('""', `"${'x'.repeat(bytes - frame.length)}"`);
}

describe('a body is read when its type', () => {
  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'APPLICATION/Json',
    'application/json ; charset="utf-8"',
  ])('is %s', async (type) => {
    expect(await post(client, id, EMPTY, { 'content-type': type })).toMatchObject(APPLIED);
  });
});

describe('a body is refused with 415 when its type', () => {
  test.each([
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'text/json',
    'application/jsonp',
    'application/vnd.api+json',
    'application',
    'json',
    '*/*',
    'text/plain; application/json',
    '',
  ])('is %j', async (type) => {
    const answer = await post(client, id, EMPTY, { 'content-type': type });
    expect(answer.status).toBe(415);
    expect(JSON.parse(answer.text)).toEqual({ error: expect.any(String) });
  });

  test('is not given', async () => {
    expect((await post(client, id, EMPTY, {})).status).toBe(415);
  });
});

describe('no body at all is a missing provision', () => {
  const missing = 'provision is missing';
  test('without any header', async () => {
    expect(errorOf(await post(client, id, undefined, {}))).toBe(missing);
  });
  test('with a type', async () => {
    expect(errorOf(await post(client, id, undefined, JSON_TYPE))).toBe(missing);
    expect(errorOf(await post(client, id, '', JSON_TYPE))).toBe(missing);
  });
  test('with another type: there is nothing that has it', async () => {
    expect(errorOf(await post(client, id, '', { 'content-type': 'text/plain' }))).toBe(missing);
  });
  test('chunked', async () => {
    const headers = { ...JSON_TYPE, 'transfer-encoding': 'chunked', [TOKEN]: await client.token() };
    const answer = await send(client.service.apiUrl, { path: provisionPath(id), headers });
    expect(errorOf(answer)).toBe(missing);
  });
});

test('a chunked body is read whole, wherever it was cut', async () => {
  const bytes = Buffer.from('{"provision":{},"sender":"Grüße 🦊"}');
  const chunks = [...bytes].map((byte) => Buffer.of(byte));
  const headers = { ...JSON_TYPE, [TOKEN]: await client.token() };
  expect(await send(client.service.apiUrl, { path: provisionPath(id), headers, chunks })).toMatchObject(
    APPLIED,
  );
});

describe('malformed JSON is 400', () => {
  test.each<[string, string | Buffer]>([
    ['half an object', '{"provision":'],
    ['words', 'provision'],
    ['white space only', ' \n '],
    ['a form', 'provision[seats]=1'],
    ['two values', `${EMPTY}${EMPTY}`],
    ['a trailing comma', '{"provision":{},}'],
    ['single quotes', "{'provision':{}}"],
    ['a comment', `/**/${EMPTY}`],
    ['NaN', '{"provision":{},"sync_id":NaN}'],
    ['a raw line break in a string', '{"provision":{},"a":"\n"}'],
    ['a NUL byte after it', `${EMPTY}\0`],
    ['invalid UTF-8 in a string', Buffer.from('{"provision":{},"a":"\xff"}', 'latin1')],
    ['a surrogate encoded in UTF-8', Buffer.from('{"provision":{},"a":"\xed\xa0\x80"}', 'latin1')],
    ['UTF-16', Buffer.from(EMPTY, 'utf16le')],
    ['gzip without saying so', gzipSync(EMPTY)],
    ['a hundred thousand open brackets', '['.repeat(100_000)],
    ['a hundred thousand open objects', '{"a":'.repeat(20_000)],
  ])('%s', async (_name, body) => {
    const error = errorOf(await post(client, id, body));
    expect(error).toMatch(/JSON/);
  });

  test('its message quotes nothing of the body', async () => {
    expect(errorOf(await post(client, id, '{"provision": secret-value}'))).not.toContain('secret');
  });
});

describe('JSON that nobody can store is 400, wherever it is', () => {
  const nul = '\\u0000';
  const lone = '\\ud800';
  test.each([
    ['a NUL in a value', `{"provision":{"base_product":{"plan_code":"a${nul}"}}}`],
    ['a NUL in a key', `{"provision":{"add_on_purchases":{"${nul}":[]}}}`],
    ['a NUL in an add-on', `{"provision":{"add_on_purchases":{"duo_pro":[{"purchase_xid":"${nul}"}]}}}`],
    ['a lone high surrogate', `{"provision":{"base_product":{"plan_code":"${lone}"}}}`],
    ['a lone low surrogate', `{"provision":{"base_product":{"plan_code":"\\udc00"}}}`],
    ['surrogates in the wrong order', `{"provision":{"base_product":{"plan_code":"\\udc00\\ud800"}}}`],
    ['a lone surrogate in a key', `{"provision":{"add_on_purchases":{"${lone}":[]}}}`],
  ])('%s', async (_name, body) => {
    expect(errorOf(await post(client, id, body))).toMatch(/NUL|surrogate/);
  });

  test.each([101, 1_000, 20_000])('nested %i deep', async (depth) => {
    const nested = '['.repeat(depth - 1) + ']'.repeat(depth - 1);
    expect(errorOf(await post(client, id, `{"provision":{},"x":${nested}}`))).toMatch(/nested/);
    expect(errorOf(await post(client, id, '['.repeat(depth) + ']'.repeat(depth)))).toMatch(/nested/);
  });

  test('nested 100 deep it is read', async () => {
    const nested = '['.repeat(99) + ']'.repeat(99);
    expect(await post(client, id, `{"provision":{},"x":${nested}}`)).toMatchObject(APPLIED);
  });

  test('a surrogate pair, escaped or not, is a character like others', async () => {
    const escaped = await post(client, id, '{"provision":{"base_product":{"plan_code":"\\ud83e\\udd8a"}}}');
    const plain = await post(client, id, '{"provision":{"base_product":{"plan_code":"🦊"}}}');
    expect(escaped).toMatchObject({ status: 422, text: expect.stringContaining("'🦊' is not a known plan") });
    expect(plain.text).toBe(escaped.text);
  });
});

describe('a body over 100 kB is 413', () => {
  const TOO_LARGE = { error: expect.any(String) };

  test('one byte decides', async () => {
    expect(await post(client, id, bodyOf(LIMIT))).toMatchObject(APPLIED);
    const answer = await post(client, id, bodyOf(LIMIT + 1));
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.text)).toEqual(TOO_LARGE);
  });

  test('however much larger', async () => {
    expect((await post(client, id, bodyOf(200_000))).status).toBe(413);
    // Its sender is still writing when it is answered, and closes the connection by itself.
    const answers = await Promise.all(Array.from({ length: 30 }, () => post(client, id, bodyOf(5_000_000))));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([413]));
  });

  test('also when its length is not told', async () => {
    const headers = { ...JSON_TYPE, [TOKEN]: await client.token() };
    const path = provisionPath(id);
    const exact = [bodyOf(LIMIT).slice(0, 60_000), bodyOf(LIMIT).slice(60_000)];
    expect(await send(client.service.apiUrl, { path, headers, chunks: exact })).toMatchObject(APPLIED);
    expect(await send(client.service.apiUrl, { path, headers, chunks: [...exact, ' '] })).toMatchObject({
      status: 413,
    });
  });

  test('characters of several bytes count as bytes', async () => {
    const body = `{"provision":{},"filler":"${'€'.repeat(34_200)}"}`;
    expect(body.length).toBeLessThan(LIMIT);
    expect((await post(client, id, body)).status).toBe(413);
  });

  test('and leaves the connection usable', async () => {
    for (const body of [bodyOf(200_000), EMPTY]) {
      const answer = await client.request('POST', provisionPath(id), { headers: JSON_TYPE, body });
      expect(answer.status).toBe(body === EMPTY ? 200 : 413);
    }
  });
});

describe('a compressed body', () => {
  const encoded = (encoding: string) => ({ ...JSON_TYPE, 'content-encoding': encoding });

  test('is read like a plain one', async () => {
    expect(await post(client, id, gzipSync(EMPTY), encoded('gzip'))).toMatchObject(APPLIED);
    expect(await post(client, id, deflateSync(EMPTY), encoded('deflate'))).toMatchObject(APPLIED);
    expect(await post(client, id, brotliCompressSync(EMPTY), encoded('br'))).toMatchObject(APPLIED);
    expect(await post(client, id, EMPTY, encoded('identity'))).toMatchObject(APPLIED);
  });

  test('counts with its size after decompression, a bomb as well', async () => {
    expect(await post(client, id, gzipSync(bodyOf(LIMIT)), encoded('gzip'))).toMatchObject(APPLIED);
    const bomb = gzipSync(Buffer.alloc(90_000_000, 0x20));
    expect(bomb.length).toBeLessThan(LIMIT);
    for (const body of [gzipSync(bodyOf(LIMIT + 1)), bomb]) {
      expect((await post(client, id, body, encoded('gzip'))).status).toBe(413);
    }
  });

  test('that is not what it says is 400', async () => {
    expect(errorOf(await post(client, id, EMPTY, encoded('gzip')))).toEqual(expect.any(String));
    const cut = gzipSync(EMPTY).subarray(0, 20);
    expect(errorOf(await post(client, id, cut, encoded('gzip')))).toEqual(expect.any(String));
  });

  test('in an unknown encoding is 415', async () => {
    expect((await post(client, id, EMPTY, encoded('rot13'))).status).toBe(415);
  });
});

test('a byte order mark is skipped', async () => {
  expect(await post(client, id, `\ufeff${EMPTY}`)).toMatchObject(APPLIED);
});

test('of a key that comes twice the last one counts', async () => {
  expect(await post(client, id, '{"provision":"x","provision":{}}')).toMatchObject(APPLIED);
});
