import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { messageOf } from '../../../src/cdot/readAnswer';
import { loadSigningKeys } from '../../../src/issuer/keys';
import { eventually } from '../../support/eventually';
import { attrs, CustomersDot } from './support/cdot';
import {
  done,
  json,
  startStandIn,
  SUCCESS,
  unavailable,
  type Answering,
  type StandIn,
} from './support/standIn';

let cdot: CustomersDot;
let gitlab: StandIn;
let log: () => string;

beforeAll(async () => {
  [cdot, gitlab] = await Promise.all([CustomersDot.create('cdot_answers'), startStandIn()]);
  const { log: read } = await cdot.start({
    PROVISION_API_URL: gitlab.url,
    PROVISION_WAIT_MS: '100', // it waits for an answer for five seconds more than the API itself
    CUSTOMERS_DOT_MAX_ATTEMPTS: '3',
  });
  log = read;
});
afterAll(async () => {
  await cdot.close();
  await gitlab.close();
});

async function sendTo(...answers: Answering[]) {
  const namespace = cdot.newNamespace();
  gitlab.answer(namespace, ...answers);
  const { sync } = await cdot.record(namespace, attrs(1));
  const attempts = await cdot.settled(namespace);
  return { namespace, sync, attempts, posts: gitlab.posts.filter((post) => post.namespaceId === namespace) };
}

async function stored(attemptId: number | undefined): Promise<unknown> {
  const { rows } = await cdot.pool.query<{ response: unknown }>(
    'SELECT response FROM gitlab_namespaces_sync_attempts WHERE id = $1',
    [attemptId],
  );
  return rows[0]?.response;
}

const logged = (syncId: number) =>
  log()
    .split('\n')
    .filter((line) => line.includes(`"sync_id":${syncId},`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('200 completes the attempt, which keeps the answer, the run and the ids', async () => {
  const headers = {
    'x-provision-workflow-id': 'provision:1',
    'x-provision-run-id': 'run-1',
  };
  const { attempts, posts, sync } = await sendTo(json(200, SUCCESS, headers));
  expect(attempts).toMatchObject([
    {
      state: 'completed',
      http_status: 200,
      message: null,
      payload: SUCCESS.payload,
      workflow_id: 'provision:1',
      run_id: 'run-1',
      retry_at: null,
      try: 1,
      correlation_id: posts[0]?.headers['x-request-id'],
    },
  ]);
  expect(attempts[0]?.duration_ms).toBeGreaterThanOrEqual(0);
  expect(posts).toMatchObject([{ syncId: sync.id, provision: attrs(1) }]);
});

test('each request has its own token, signed with RS256 and good for five minutes', async () => {
  const tokens = [await sendTo(done), await sendTo(done)].map(
    ({ posts }) => posts[0]?.headers['x-customers-dot-internal-token'] as string,
  );
  expect(tokens[0]).not.toBe(tokens[1]);
  const [key] = await loadSigningKeys(cdot.dataDir);
  expect(decodeProtectedHeader(tokens[0] ?? '')).toEqual({ alg: 'RS256', typ: 'JWT', kid: key.kid });
  const claims = decodeJwt(tokens[0] ?? '');
  expect(claims).toMatchObject({
    iss: gitlab.url,
    sub: 'customers-dot-internal-api',
    aud: 'gitlab-subscriptions',
  });
  expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300);
  expect(claims.nbf).toBe(claims.iat);
  expect(Date.now() / 1000 - (claims.iat ?? 0)).toBeGreaterThanOrEqual(5);
});

test('connections are kept alive', async () => {
  await sendTo(done);
  const before = gitlab.connections;
  for (let i = 0; i < 5; i++) await sendTo(done);
  expect(gitlab.connections).toBe(before);
});

describe('422 is partially failed, logged with its details, and not tried again:', () => {
  test('details of each section', async () => {
    const payload = { ...SUCCESS.payload, storage: { status: 'error', message: 'no storage left' } };
    const { attempts, sync } = await sendTo(
      json(422, { status: 'error', message: 'no storage left', payload }),
    );
    expect(attempts).toMatchObject([
      { state: 'partially_failed', http_status: 422, message: 'no storage left', payload },
    ]);
    await eventually(async () => logged(sync.id).length > 0, 'the attempt is logged'); // after it is stored
    expect(logged(sync.id)).toMatchObject([
      { severity: 'WARN', state: 'partially_failed', reason: 'no storage left', details: payload },
    ]);
  });

  test('what PostgreSQL cannot keep of it is replaced, the verdict stands', async () => {
    const payload = { base_product: { status: 'error', message: 'a\0b\ud800' } };
    const { attempts } = await sendTo(json(422, { status: 'error', message: 'a\0b', payload }));
    expect(attempts).toMatchObject([{ state: 'partially_failed', http_status: 422, message: 'a\uFFFDb' }]);
    expect(await stored(attempts[0]?.id)).toMatchObject({ start: expect.stringContaining('"a\\u0000b') });
  });
});

describe('an answer above 256 kB is judged, and kept in short: its message, its size and its first 16 kB:', () => {
  const long = 'x'.repeat(300_000);
  test.each<[string, number, object, object]>([
    ['200', 200, { ...SUCCESS, long }, { state: 'completed', message: null }],
    [
      '422',
      422,
      { status: 'error', message: `no ${long}`, payload: {} },
      { state: 'partially_failed', message: `no ${long}`.slice(0, 2_000) },
    ],
    ['400', 400, { error: long }, { state: 'failed', retry_at: null, message: long.slice(0, 2_000) }],
  ])('%s', async (_status, status, body, attempt) => {
    const { attempts } = await sendTo(json(status, body));
    expect(attempts).toMatchObject([{ http_status: status, ...attempt }]);
    const text = JSON.stringify(body);
    expect(await stored(attempts[0]?.id)).toEqual({
      message: messageOf(body),
      size: text.length,
      start: text.slice(0, 16 * 1024),
    });
  });

  test('one of several MB is no answer of the API', async () => {
    const { attempts } = await sendTo(json(422, { ...SUCCESS, long: 'x'.repeat(3_000_000) }), done);
    expect(attempts).toMatchObject([
      { state: 'failed', message: '422 without the answer of the API', retry_at: expect.any(String) },
      { state: 'completed' },
    ]);
    expect(await stored(attempts[0]?.id)).toMatchObject({
      size: expect.any(Number),
      start: expect.any(String),
    });
  });
});

test('409 is skipped', async () => {
  const { attempts } = await sendTo(
    json(409, { status: 'skipped', message: 'Superseded by sync 9', payload: {} }),
  );
  expect(attempts).toMatchObject([{ state: 'skipped', http_status: 409, message: 'Superseded by sync 9' }]);
});

test.each([
  [400, { error: 'provision is missing' }, 'provision is missing'],
  [404, { message: '404 Namespace Not Found' }, '404 Namespace Not Found'],
  [413, { error: 'The body must not be larger than 100kb' }, 'The body must not be larger than 100kb'],
  [415, { error: 'The body must be application/json' }, 'The body must be application/json'],
])('%d fails without another try and is logged as an error', async (status, body, message) => {
  const { attempts, sync } = await sendTo(json(status, body));
  expect(attempts).toMatchObject([{ state: 'failed', http_status: status, message, retry_at: null }]);
  await eventually(async () => logged(sync.id).length > 0, 'the attempt is logged'); // after it is stored
  expect(logged(sync.id)).toMatchObject([{ severity: 'ERROR', reason: message }]);
});

const WITHOUT = /^\d+ without the answer of the API$/;
const REFUSED = { status: 'error', message: 'no', payload: {} };
const typed =
  (status: number, type: string, body: unknown): Answering =>
  (res) =>
    res
      .writeHead(status, { 'content-type': type })
      .end(typeof body === 'string' ? body : JSON.stringify(body));
const page = (status: number) => typed(status, 'text/html', '<html>{"status":"error"}</html>');

test('the type of an answer may have parameters and any case', async () => {
  const { attempts } = await sendTo(typed(422, 'Application/JSON; charset=utf-8', REFUSED));
  expect(attempts).toMatchObject([{ state: 'partially_failed' }]);
});

describe('is tried again, each try an attempt:', () => {
  const CASES: [string, Answering, number | null, RegExp][] = [
    ['503', unavailable, 503, /^503 Service Unavailable$/],
    ['500 of a proxy', page(500), 500, /^The API answered 500$/],
    ['401', json(401, { message: '401 Unauthorized' }), 401, /^401 Unauthorized$/],
    ['403', json(403, 'go away'), 403, /^The API answered 403$/],
    ['405', json(405, { error: 'no' }), 405, /^no$/],
    ['408', json(408, { message: 'Request timeout' }), 408, /^Request timeout$/],
    ['425', json(425, {}), 425, /^The API answered 425$/],
    ['429', json(429, { message: 'Too many' }), 429, /^Too many$/],
    ['a redirect', json(302, { error: 'away' }, { location: '/' }), 302, /^away$/],
    ['204', (res) => res.writeHead(204).end(), 204, /^The API answered 204$/],
    ...[200, 400, 404, 409, 413, 415, 422].map((status): [string, Answering, number, RegExp] => [
      `a page of a proxy with ${status}`,
      page(status),
      status,
      new RegExp(`^${status} without the answer of the API$`),
    ]),
    ['422 that is no JSON by its type', typed(422, 'text/plain', REFUSED), 422, WITHOUT],
    ['422 of a relative of JSON', typed(422, 'application/problem+json', REFUSED), 422, WITHOUT],
    ['422 without a payload', json(422, { status: 'error', message: 'no' }), 422, WITHOUT],
    ['422 with an odd payload', json(422, { ...REFUSED, payload: 'odd' }), 422, WITHOUT],
    ['422 without a status', json(422, { message: 'no', payload: {} }), 422, WITHOUT],
    ['422 with an array', json(422, [1, { a: null }]), 422, WITHOUT],
    ['422 with null', json(422, null), 422, WITHOUT],
    ['409 with another status', json(409, { status: 'error', message: 'conflict' }), 409, WITHOUT],
    ['409 of something else', json(409, { message: 'edit conflict' }), 409, WITHOUT],
    ['404 without a reason', json(404, { code: 5 }), 404, WITHOUT],
    ['400 with a reason that is no text', json(400, { error: ['no'] }), 400, WITHOUT],
    ['a closed connection', (res) => res.destroy(), null, /./],
    [
      'an answer that breaks off',
      (res) => res.writeHead(200, { 'content-length': '500' }).write('{"sta', () => res.destroy()),
      null,
      /./,
    ],
    ['200 with garbage', typed(200, 'application/json', '{"status":'), 200, WITHOUT],
    ['200 with other JSON', json(200, { ok: true }), 200, WITHOUT],
    ['200 without a payload', json(200, { status: 'success', message: null }), 200, WITHOUT],
    ['no answer in time', () => undefined, null, /^No answer within 5100 ms$/],
  ];
  let sent: Map<string, Awaited<ReturnType<typeof sendTo>>['attempts']>;
  // All at once: each of them waits for the queue to look again.
  beforeAll(async () => {
    sent = new Map(
      await Promise.all(
        CASES.map(async ([what, answer]) => [what, (await sendTo(answer, done)).attempts] as const),
      ),
    );
  });

  test.each(CASES)('%s', (what, _answer, status, message) => {
    const attempts = sent.get(what) ?? [];
    expect(attempts).toMatchObject([
      { try: 1, state: 'failed', http_status: status, message: expect.stringMatching(message) },
      { try: 2, state: 'completed', http_status: 200 },
    ]);
    expect(attempts[0]?.retry_at).not.toBeNull();
  });

  test('twice 503, then 200', async () => {
    const { attempts } = await sendTo(unavailable, unavailable, done);
    expect(attempts.map(({ state, try: tries }) => [tries, state])).toEqual([
      [1, 'failed'],
      [2, 'failed'],
      [3, 'completed'],
    ]);
  });

  test('a Retry-After that is no time in reach is ignored', async () => {
    const answers = ['-1', '1.5', 'soon', 'Thu, 01 Jan 1970 00:00:00 GMT'].map((value) =>
      sendTo(json(503, {}, { 'retry-after': value }), done),
    );
    for (const { posts } of await Promise.all(answers)) {
      expect((posts[1]?.at ?? Infinity) - (posts[0]?.at ?? 0)).toBeLessThan(10_000);
    }
  });

  test('Retry-After counts for five minutes at most', async () => {
    const namespace = cdot.newNamespace();
    gitlab.answer(namespace, json(503, {}, { 'retry-after': '9999999' }));
    await cdot.record(namespace, attrs(1));
    const inBackoff = async () => (await cdot.attempts(namespace)).at(-1)?.retry_at ?? null;
    await eventually(async () => (await inBackoff()) !== null, 'the attempt failed');
    const wait = Date.parse((await inBackoff()) ?? '') - Date.now();
    expect(wait).toBeGreaterThan(280_000);
    expect(wait).toBeLessThanOrEqual(300_000);
  });

  test('not before Retry-After', async () => {
    const { posts } = await sendTo(json(503, {}, { 'retry-after': '2' }), done);
    expect((posts[1]?.at ?? 0) - (posts[0]?.at ?? 0)).toBeGreaterThanOrEqual(2_000);
  });
});

test('whose tries are used up, where their number is limited, ends failed, is listed, and can be sent again by hand', async () => {
  const { attempts, sync, namespace } = await sendTo(unavailable);
  expect(attempts.map(({ state }) => state)).toEqual(['failed', 'failed', 'failed']);
  expect(attempts[2]).toMatchObject({
    message: 'Gave up after 3 tries: 503 Service Unavailable',
    retry_at: null,
  });
  expect(logged(sync.id).at(-1)).toMatchObject({ severity: 'ERROR' });
  const listed = JSON.parse((await cdot.command(['syncs', '--failed', '--json'])).out) as {
    sync_id: number;
  }[];
  expect(listed.map(({ sync_id }) => sync_id)).toContain(sync.id);

  gitlab.answer(namespace, unavailable, done);
  expect(await cdot.command(['resync', String(sync.id), '--wait'])).toMatchObject({
    code: 0,
    err: expect.stringContaining('503 Service Unavailable; again at'),
  });
  expect((await cdot.attempts(namespace)).map(({ try: tries }) => tries)).toEqual([1, 2, 3, 1, 2]);
});

test('neither tokens nor attributes are logged', async () => {
  await sendTo(unavailable, done);
  expect(log()).not.toContain('eyJ');
  expect(log()).not.toContain('start_date');
});
