import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { describeWithPgBouncer, startPgBouncer, type PgBouncer } from '../../support/pgbouncer';
import { startServiceProcess } from '../../support/serviceProcess';
import { fullSync } from '../../support/syncs';
import { createDatabase, startOwnService, type OwnService } from '../sections/support/ownService';

describeWithPgBouncer('through a real PgBouncer in session mode, with no setting of its own', () => {
  let own: OwnService;
  let pooler: PgBouncer;
  beforeAll(async () => {
    own = await startOwnService('pooler_session', 'compensate', async (_namespace, databaseUrl) => {
      pooler = await startPgBouncer(databaseUrl, 'session');
      return pooler.url;
    });
  });
  afterAll(async () => {
    await own?.stop();
    await pooler?.stop();
  });

  test('syncs are applied, and sessions have their limits', async () => {
    const { client } = own;
    const ids = await Promise.all(Array.from({ length: 8 }, () => client.createNamespace()));
    const answers = await Promise.all(ids.map((id) => client.provision(id, fullSync(3), 1)));
    expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 200));
    const [limits] = await client.rows<Record<string, string>>(
      `SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'provisioner api%'`,
    );
    expect(Number(limits?.['count'])).toBeGreaterThan(0);
  });

  test('a restart of the pooler loses no sync', async () => {
    const { client } = own;
    const id = await client.createNamespace();
    let isOver = false;
    const sent = (async () => {
      for (let n = 1; !isOver; n += 1) {
        const answer = await eventually(async () => {
          const { status } = await client.provision(id, fullSync(n), n);
          return status === 503 ? null : status;
        }, `an answer to sync ${n}`);
        expect(answer).toBe(200);
      }
    })();
    for (let time = 1; time <= 3; time += 1) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      await pooler.restart();
    }
    isOver = true;
    await sent;
    expect((await client.ledger(id)).filter(({ step }) => step === 'recordOutcome').length).toBeGreaterThan(
      0,
    );
  }, 60_000);
});

describeWithPgBouncer('through a PgBouncer in transaction mode', () => {
  test('the start is refused with one line', async () => {
    const { adminUrl, directory, temporalAddress } = testEnvironment();
    const pooler = await startPgBouncer(await createDatabase(adminUrl, 'pooler_transaction'), 'transaction');
    try {
      const start = startServiceProcess(
        { DATA_DIR: directory, GITLAB_DATABASE_URL: pooler.url, TEMPORAL_ADDRESS: temporalAddress },
        ['--only', 'api,worker'],
      );
      await expect(start).rejects.toThrow(
        /^provisioner: GITLAB_DATABASE_URL leads through a pooler in transaction mode: .*$/m,
      );
    } finally {
      await pooler.stop();
    }
  });
});
