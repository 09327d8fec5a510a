import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { sharedService } from '../../support/shared';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { describeWithFakeClocks, FakeClock } from '../../support/fakeClock';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { attrs, CustomersDot } from './support/cdot';
import { done, startStandIn } from './support/standIn';

const gitlab = sharedService();
let cdot: CustomersDot;
const running: ServiceProcess[] = [];

beforeAll(async () => {
  cdot = await CustomersDot.create('cdot_clocks');
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
});
afterAll(async () => {
  await cdot.close();
});

let clocks = 0;
const clockAt = (offsetS: number) =>
  FakeClock.at(offsetS, path.join(testEnvironment().directory, `clock-${++clocks}`));

/** An API of our own, which CustomersDot's side finds; runs are done by the shared worker. */
async function startApi(clock: Record<string, string>): Promise<void> {
  const { compensate, temporalAddress } = testEnvironment();
  const environment = {
    DATA_DIR: cdot.dataDir,
    GITLAB_DATABASE_URL: compensate.databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: compensate.temporalNamespace,
  };
  running.push(await startServiceProcess({ ...environment, ...clock }, ['--only', 'api']));
}

const startCdot = async (environment: Record<string, string>) =>
  void running.push(await cdot.start(environment));

async function sync(): Promise<string> {
  const namespace = await gitlab.createNamespace();
  await cdot.record(namespace, attrs(1));
  return namespace;
}

describeWithFakeClocks('real clocks that differ', () => {
  test.each([
    ['CustomersDot', -10],
    ['CustomersDot', 10],
    ['the API', -10],
    ['the API', 10],
  ])('the one of %s by %d s: no sync is lost, none is even tried twice', async (whose, offsetS) => {
    const { environment } = clockAt(offsetS);
    await startApi(whose === 'the API' ? environment : {});
    await startCdot(whose === 'CustomersDot' ? environment : {});
    for (const namespace of await Promise.all(Array.from({ length: 20 }, sync))) {
      expect(await cdot.settled(namespace)).toMatchObject([{ state: 'completed', http_status: 200 }]);
    }
  });

  test('a clock that is far off delays a sync until it is right again, and does not lose it', async () => {
    const clock = clockAt(60);
    await startApi({});
    await startCdot(clock.environment);
    const namespace = await sync();
    await eventually(async () => (await cdot.attempts(namespace)).length > 1, 'it is tried again');
    expect((await cdot.attempts(namespace))[0]).toMatchObject({
      state: 'failed',
      http_status: 401,
      message: '401 Unauthorized',
      retry_at: expect.any(String),
    });
    clock.set(0);
    expect((await cdot.settled(namespace)).at(-1)).toMatchObject({ state: 'completed' });
  });

  test('a clock that is set back during a try makes no negative duration', async () => {
    const api = await startStandIn();
    const clock = clockAt(0);
    await startCdot({ ...clock.environment, PROVISION_API_URL: api.url });
    const namespace = cdot.newNamespace();
    api.answer(namespace, (res, posted) => {
      clock.set(-3_600);
      setTimeout(() => done(res, posted), 2_000);
    });
    await cdot.record(namespace, attrs(1));
    const [attempt] = await cdot.settled(namespace);
    expect(attempt).toMatchObject({ state: 'completed' });
    expect(attempt?.duration_ms).toBeGreaterThanOrEqual(1_900);
    expect(attempt?.duration_ms).toBeLessThan(60_000);
    await api.close();
  });
});

test('a sync is sent again by hand although the clock of the database was set back since its last try', async () => {
  await startApi({});
  await startCdot({});
  const namespace = await sync();
  await cdot.settled(namespace);
  await cdot.pool.query(
    `UPDATE gitlab_namespaces_sync_attempts
     SET created_at = now() + interval '1 hour', updated_at = now() + interval '1 hour' WHERE namespace_id = $1`,
    [namespace],
  );
  const sent = (await cdot.syncs(namespace))[0]?.sync_id;
  expect(await cdot.command(['resync', String(sent), '--wait'])).toMatchObject({ code: 0 });
  expect(await cdot.attempts(namespace)).toMatchObject([
    { state: 'completed' },
    { state: 'completed', try: 1 },
  ]);
});
