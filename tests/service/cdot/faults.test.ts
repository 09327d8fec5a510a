import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { attrs, CustomersDot, eventually } from './support/cdot';
import { done, startStandIn, unavailable, type StandIn } from './support/standIn';

let cdot: CustomersDot;
let gitlab: StandIn;
let environment: Record<string, string>;

beforeAll(async () => {
  [cdot, gitlab] = await Promise.all([CustomersDot.create('cdot_faults'), startStandIn()]);
  environment = { PROVISION_API_URL: gitlab.url };
});
afterAll(async () => {
  await cdot.close();
  await gitlab.close();
});

const never = () => undefined;

test('a killed worker’s attempt is closed with the reason, and its sync is sent after a restart', async () => {
  const [cut, waiting] = [cdot.newNamespace(), cdot.newNamespace()];
  const first = await cdot.start({ ...environment, CUSTOMERS_DOT_CONCURRENCY: '1' });
  gitlab.answer(cut, never, done);
  await cdot.record(cut, attrs(1));
  await gitlab.received(cut, 1);
  await cdot.record(waiting, attrs(1));
  await first.stop('SIGKILL');
  await cdot.record(cut, attrs(2));

  const second = await cdot.start(environment);
  expect(await cdot.settled(waiting)).toMatchObject([{ state: 'completed' }]);
  expect(await cdot.settled(cut)).toMatchObject([
    { sync_id: 1, state: 'failed', message: 'Interrupted: the worker died', http_status: null },
    { sync_id: 3, state: 'completed' },
  ]);
  await eventually(async () => (await cdot.jobs()).length === 0);
  expect(second.log()).toContain('took over the jobs of dead workers');
  await second.stop();
});

test('nothing is taken from a worker that lives', async () => {
  const [slow, cut] = [cdot.newNamespace(), cdot.newNamespace()];
  let answerSlow: () => unknown = never;
  gitlab.answer(slow, (res, posted) => void (answerSlow = () => done(res, posted)));
  gitlab.answer(cut, never, done);
  // Busy with its only job, so that the next one is the other worker's.
  const one = await cdot.start({ ...environment, CUSTOMERS_DOT_CONCURRENCY: '1' });
  await cdot.record(slow, attrs(1));
  await gitlab.received(slow, 1);
  const two = await cdot.start(environment);
  await cdot.record(cut, attrs(1));
  await gitlab.received(cut, 1);
  await two.stop('SIGKILL');

  const three = await cdot.start(environment);
  expect((await cdot.settled(cut)).map(({ state }) => state)).toEqual(['failed', 'completed']);
  expect(await cdot.attempts(slow)).toMatchObject([{ state: 'started' }]);
  answerSlow();
  expect(await cdot.settled(slow)).toMatchObject([{ state: 'completed' }]);
  await Promise.all([one.stop(), three.stop()]);
}, 60_000);

test('a worker that loses the database gives up its jobs and restarts', async () => {
  const namespace = cdot.newNamespace();
  gitlab.answer(namespace, never, done);
  const worker = await cdot.start(environment);
  await cdot.record(namespace, attrs(1));
  await gitlab.received(namespace, 1);
  await cdot.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'provisioner cdot%'`,
  );
  const attempts = await cdot.settled(namespace, 30_000);
  expect(attempts.map(({ state }) => state)).toEqual(['failed', 'completed']);
  expect(attempts[0]?.message).toMatch(/^Interrupted: /);
  await eventually(async () => (await fetch(`${worker.url}/-/readiness`)).status === 200);
  await worker.stop();
}, 60_000);

test('a worker that is stopped hands its job over: the sync is sent as soon as there is a worker again', async () => {
  const namespace = cdot.newNamespace();
  gitlab.answer(namespace, never, done);
  const worker = await cdot.start(environment);
  await cdot.record(namespace, attrs(1));
  await gitlab.received(namespace, 1);
  expect(await worker.stop('SIGTERM')).toBe(0);
  expect(await cdot.attempts(namespace)).toMatchObject([
    { state: 'failed', message: 'Interrupted: the worker was stopped', retry_at: expect.any(String) },
  ]);
  const next = await cdot.start(environment);
  expect((await cdot.settled(namespace)).at(-1)).toMatchObject({ state: 'completed', try: 2 });
  await next.stop();
}, 60_000);

test('killed again and again at any moment: no sync is lost, and every namespace ends on its latest', async () => {
  const namespaces = Array.from({ length: 6 }, () => cdot.newNamespace());
  for (const namespace of namespaces) {
    gitlab.answer(namespace, async (res, posted) => {
      await sleep(Math.random() * 100);
      if (Math.random() < 0.3) unavailable(res, posted);
      else done(res, posted);
    });
  }
  let isOver = false;
  const recording = Promise.all(
    namespaces.map(async (namespace) => {
      for (let seats = 1; !isOver; seats++) {
        await cdot.record(namespace, attrs(seats));
        await sleep(Math.random() * 150);
      }
    }),
  );
  for (let kills = 0; kills < 4; kills++) {
    const worker = await cdot.start(environment);
    await sleep(Math.random() * 1_000);
    await worker.stop('SIGKILL');
  }
  isOver = true;
  await recording;
  const worker = await cdot.start(environment);
  const begun = Date.now();
  for (const namespace of namespaces) {
    const attempts = await cdot.settled(namespace, 60_000);
    expect(attempts.filter(({ state }) => state === 'started')).toEqual([]);
    const latest = (await cdot.syncs(namespace)).at(-1);
    expect(latest?.attempts.at(-1)).toMatchObject({ state: 'completed' });
    expect(gitlab.posts.findLast((post) => post.namespaceId === namespace)?.syncId).toBe(latest?.sync_id);
  }
  expect(Date.now() - begun).toBeLessThan(60_000);
  await eventually(async () => (await cdot.jobs()).length === 0);
  await worker.stop();
}, 120_000);
