import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startProxy } from '../../support/proxy';
import { attrs, CustomersDot, eventually } from './support/cdot';
import { done, startStandIn, type Answering, type StandIn } from './support/standIn';

let cdot: CustomersDot;
let gitlab: StandIn;

beforeAll(async () => {
  [cdot, gitlab] = await Promise.all([CustomersDot.create('cdot_queue'), startStandIn()]);
});
afterAll(async () => {
  await cdot.close();
  await gitlab.close();
});

const slowly =
  (ms: number): Answering =>
  async (res, posted) => {
    await sleep(ms);
    await done(res, posted);
  };

test('different namespaces in parallel, as many as is set; each one at a time, and in the end its latest', async () => {
  const environment = { PROVISION_API_URL: gitlab.url, CUSTOMERS_DOT_CONCURRENCY: '4' };
  const workers = [await cdot.start(environment), await cdot.start(environment)];
  const namespaces = Array.from({ length: 12 }, () => cdot.newNamespace());
  for (const namespace of namespaces) gitlab.answer(namespace, slowly(300));
  await Promise.all(
    namespaces.map(async (namespace) => {
      for (let seats = 1; seats <= 5; seats++) {
        await cdot.record(namespace, attrs(seats));
        await sleep(60);
      }
    }),
  );
  for (const namespace of namespaces) {
    await cdot.settled(namespace);
    const sent = gitlab.posts.filter((post) => post.namespaceId === namespace).map(({ syncId }) => syncId);
    expect(sent).toEqual(sent.toSorted((a, b) => a - b));
    expect(sent.at(-1)).toBe((await cdot.syncs(namespace)).at(-1)?.sync_id);
  }
  expect(gitlab.open.mostOfOneNamespace).toBe(1);
  expect(gitlab.open.most).toBe(8); // two processes of four
  await eventually(async () => (await cdot.jobs()).length === 0);
  await Promise.all(workers.map((worker) => worker.stop()));
});

test('a thousand syncs recorded while the API is down lead to few posts, the last of the latest', async () => {
  const way = await startProxy('127.0.0.1', 1); // nobody listens there
  await cdot.start({ PROVISION_API_URL: `http://127.0.0.1:${way.port}` });
  const namespace = cdot.newNamespace();
  const begun = performance.now();
  for (let seats = 1; seats <= 1_000; seats++) await cdot.record(namespace, attrs(seats));
  const whileDown = await cdot.attempts(namespace);
  const seconds = (performance.now() - begun) / 1_000;
  // Each new sync is worth a try, but not within a second after one that failed.
  expect(whileDown.length).toBeGreaterThan(0);
  expect(whileDown.length).toBeLessThanOrEqual(seconds + 1);
  const ended = whileDown.filter(({ state }) => state !== 'started'); // one may be under way
  expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(['failed']));
  expect(whileDown[0]?.http_status).toBeNull();

  const up = await startStandIn();
  way.target.port = up.port;
  await cdot.settled(namespace, 30_000);
  expect(up.posts).toHaveLength(1);
  expect(up.posts[0]?.provision).toEqual(attrs(1_000));
  expect((await cdot.syncs(namespace)).at(-1)?.attempts.at(-1)).toMatchObject({ state: 'completed' });
  await way.close();
  await up.close();
}, 60_000);
