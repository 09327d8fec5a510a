import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
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
});

test('connections are kept alive', async () => {
  await sendTo(done);
  const before = gitlab.connections;
  for (let i = 0; i < 5; i++) await sendTo(done);
  expect(gitlab.connections).toBe(before);
});

describe('422 is partially failed, logged with its details, and not tried again', () => {
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

  test.each<[string, Answering]>([
    ['no payload', json(422, { message: 'no' })],
    ['a payload of another kind', json(422, { message: ['no'], payload: 'odd' })],
    ['an array', json(422, [1, { a: null }])],
    ['null', json(422, null)],
    ['no JSON', (res) => res.writeHead(422).end('<html>')],
    ['what PostgreSQL cannot keep', json(422, { message: 'a\0b' })],
  ])('%s', async (_what, answer) => {
    expect((await sendTo(answer)).attempts).toMatchObject([{ state: 'partially_failed', http_status: 422 }]);
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
  [401, { message: '401 Unauthorized' }, '401 Unauthorized'],
  [404, { message: '404 Namespace Not Found' }, '404 Namespace Not Found'],
  [403, 'go away', 'The API answered 403'],
  [302, {}, 'The API answered 302'],
])('%d fails without another try and is logged as an error', async (status, body, message) => {
  const { attempts, sync } = await sendTo(json(status, body));
  expect(attempts).toMatchObject([{ state: 'failed', http_status: status, message, retry_at: null }]);
  await eventually(async () => logged(sync.id).length > 0, 'the attempt is logged'); // after it is stored
  expect(logged(sync.id)).toMatchObject([{ severity: 'ERROR', reason: message }]);
});

describe('is tried again, each try an attempt:', () => {
  const CASES: [string, Answering, number | null, RegExp][] = [
    ['503', unavailable, 503, /^503 Service Unavailable$/],
    ['500 of a proxy', (res) => res.writeHead(500).end('<html>'), 500, /^The API answered 500$/],
    ['429', json(429, { message: 'Too many' }), 429, /^Too many$/],
    ['a closed connection', (res) => res.destroy(), null, /./],
    [
      'an answer that breaks off',
      (res) => res.writeHead(200, { 'content-length': '500' }).write('{"sta', () => res.destroy()),
      null,
      /./,
    ],
    ['200 with garbage', (res) => res.writeHead(200).end('{"status":'), 200, /without the answer of the API/],
    ['200 with other JSON', json(200, { ok: true }), 200, /without the answer of the API/],
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

  test('not before Retry-After', async () => {
    const { posts } = await sendTo(json(503, {}, { 'retry-after': '2' }), done);
    expect((posts[1]?.at ?? 0) - (posts[0]?.at ?? 0)).toBeGreaterThanOrEqual(2_000);
  });
});

test('whose tries are used up ends failed, is listed, and can be sent again by hand', async () => {
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
