import { once } from 'node:events';
import { connect } from 'node:net';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { provisionPath } from '../../support/client';
import { sharedService } from '../../support/shared';
import { NOTHING_ASKED, TOKEN } from './support';

const client = sharedService();
let id: string;
beforeAll(async () => {
  id = await client.createNamespace();
});

/**
 * Sends bytes as they are, and no more than these.
 * @param isLast says that nothing more will come (FIN), and still listens
 * @returns the answer, up to what `isWhole` takes for its end
 */
async function exchange(bytes: string, isWhole: RegExp, isLast = false): Promise<string> {
  const { hostname, port } = new URL(client.service.apiUrl);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  if (isLast) socket.end(bytes);
  else socket.write(bytes);
  while (!isWhole.test(answer) && !socket.readableEnded)
    await Promise.race([once(socket, 'data'), once(socket, 'end')]);
  socket.destroy();
  return answer;
}

const head = (line: string, headers: Record<string, string> = {}) =>
  [`${line} HTTP/1.1`, 'Host: x', ...Object.entries(headers).map((header) => header.join(': ')), '', ''].join(
    '\r\n',
  );

async function post(headers: Record<string, string>): Promise<string> {
  const token = { [TOKEN]: await client.token(), 'Content-Type': 'application/json' };
  return head(`POST ${provisionPath(id)}`, { ...token, ...headers });
}

const TOO_LARGE = /^HTTP\/1\.1 413 [^]*\{"error":"The body must not be larger than 100kb"\}$/;

describe('a body over 100 kB is refused as soon as that is known', () => {
  test('by its announced length, before any of it has come', async () => {
    const answer = await exchange(await post({ 'Content-Length': '200000' }), /\}$/);
    expect(answer).toMatch(TOO_LARGE);
  });

  test('by what has come, where no length is announced and the end has not come', async () => {
    const chunk = `${(102_401).toString(16)}\r\n${' '.repeat(102_401)}\r\n`;
    const answer = await exchange((await post({ 'Transfer-Encoding': 'chunked' })) + chunk, /\}$/);
    expect(answer).toMatch(TOO_LARGE);
  });
});

test('a client that half-closes its connection after the request gets its answer', async () => {
  const body = '{"provision":{}}';
  const request = (await post({ 'Content-Length': String(body.length) })) + body;
  const answer = await exchange(request, /\}\}$/, true);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(answer.endsWith(NOTHING_ASKED)).toBe(true);
});

describe('a request target in absolute form', () => {
  test.each([
    'foo://host',
    'http://host',
    'foo://host?x=1',
    'http://[',
    'http://xn--/',
    'http://a:b:c/',
    '*',
  ])('%s has no route: our 404 with our headers', async (target) => {
    const answer = await exchange(head(`GET ${target}`, { 'X-Request-Id': 'absolute' }), /\}$/);
    expect(answer).toMatch(/^HTTP\/1\.1 404 [^]*\{"error":"404 Not Found"\}$/);
    expect(answer).toMatch(/^X-Request-Id: absolute\r$/m);
    expect(answer).toMatch(/^X-Content-Type-Options: nosniff\r$/m);
  });

  test('is routed by its path', async () => {
    const answer = await exchange(head(`GET http://host/-/liveness?x=1`), /\}$/);
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*\{"status":"ok"\}$/);
  });

  test('is not let in without a token', async () => {
    const answer = await exchange(head(`POST http://host${provisionPath(id)}`), /\}$/);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  });
});
