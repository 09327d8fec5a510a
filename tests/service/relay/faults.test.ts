import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually';
import { describeWithRedis, startRedis, type RedisServer } from '../../support/redisServer';
import { Outbox } from './support/outbox';
import { answerWith, SECRET, startReceiver, type Receiver } from './support/receiver';

let outbox: Outbox;
let redis: RedisServer;
let receiver: Receiver;
let count = 0;

describeWithRedis('nothing is lost, and the order of a namespace is kept', () => {
  beforeEach(async () => {
    count += 1;
    [outbox, redis, receiver] = await Promise.all([
      Outbox.create(`relay_faults_${count}`),
      startRedis(),
      startReceiver(),
    ]);
  });
  afterEach(async () => {
    await receiver?.close();
    await redis?.stop();
    await outbox?.close();
  });

  const relay = () =>
    outbox.relay({
      OUTBOX_SIDEKIQ_REDIS_URL: redis.url,
      OUTBOX_WEBHOOK_URL: receiver.url,
      OUTBOX_WEBHOOK_SECRET: SECRET,
      OUTBOX_RETRY_BASE_MS: '50',
    });
  const EVENTS = ['reset_seat_callouts', 'index_namespace', 'enable_code_review_flow'];

  /** The ids of a namespace's events in the order in which a sink first had them, and whether it had some twice. */
  const firsts = (ids: string[]) => [...new Set(ids)];
  const pushed = async () =>
    (await redis.jobs()).map(({ args, jid }) => ({
      namespaceId: String(args[0]),
      id: jid.replace(/^0+/, ''),
    }));
  const posted = () =>
    receiver.received.map(({ id, body }) => ({
      namespaceId: String(body.data.namespace_id),
      id: id.replace('evt_', ''),
    }));

  test('while Redis is away webhooks go on; once it is back, empty, it gets what it had not confirmed', async () => {
    const [before, meanwhile] = [outbox.newNamespace(), outbox.newNamespace()];
    const process = await relay();
    await outbox.due(before, ...EVENTS);
    await outbox.delivered(before);
    await redis.kill();
    await outbox.due(meanwhile, ...EVENTS);
    await eventually(async () => receiver.of(meanwhile).length === EVENTS.length, 'the webhooks');
    const [first] = await eventually(async () => {
      const rows = await outbox.rows(meanwhile);
      return (rows[0]?.attempts ?? 0) > 2 && rows;
    }, 'tries');
    expect(first).toMatchObject({ is_delivered: false });
    expect(first?.deliveries[0]).toMatchObject({ sink: 'sidekiq', is_delivered: false, is_set_aside: false });
    const readiness = await (await fetch(`${process.relayUrl}/-/readiness`)).json();
    expect(readiness).toMatchObject({
      status: 'ok',
      warnings: [expect.stringMatching(/^sink sidekiq is away: /)],
    });
    await redis.start();
    const rows = await outbox.delivered(meanwhile);
    expect((await pushed()).map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    expect(process.log()).toContain('the sink answers again');
    expect(process.log()).not.toContain('secret');
  });

  test('a Redis that hangs is left after ten seconds, and tried again', async () => {
    const namespaceId = outbox.newNamespace();
    await relay();
    await outbox.due(namespaceId, 'index_namespace');
    await outbox.delivered(namespaceId);
    redis.suspend();
    await outbox.due(namespaceId, ...EVENTS);
    await eventually(async () => {
      const delivery = (await outbox.rows(namespaceId))[1]?.deliveries[0];
      return delivery?.error === 'no answer within 10 s';
    }, 'the end of a try');
    redis.resume();
    const rows = await outbox.delivered(namespaceId);
    expect(firsts((await pushed()).map(({ id }) => id))).toEqual(rows.map(({ id }) => id));
  }, 60_000);

  test('what a killed relay had claimed, another one delivers, with the same id', async () => {
    const namespaceId = outbox.newNamespace();
    receiver.answer(namespaceId, 'index_namespace', () => undefined);
    const first = await relay();
    await outbox.due(namespaceId, 'index_namespace', 'enable_code_review_flow');
    await eventually(async () => receiver.of(namespaceId).length === 1, 'it is being posted');
    await first.stop('SIGKILL');
    await relay();
    const rows = await outbox.delivered(namespaceId, 40_000);
    expect(receiver.of(namespaceId).map(({ id }) => id)).toEqual(
      [rows[0], rows[0], rows[1]].map((row) => `evt_${row?.id}`),
    );
  }, 60_000);

  test('a relay that loses its connections goes on', async () => {
    const namespaceId = outbox.newNamespace();
    await relay();
    await outbox.due(namespaceId, ...EVENTS);
    await outbox.delivered(namespaceId);
    await outbox.db.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name LIKE 'provisioner relay%'`,
    );
    await outbox.due(namespaceId, ...EVENTS);
    await outbox.delivered(namespaceId);
  });

  test('where a person has deleted the event that was first, the next start lets the next one go ahead', async () => {
    const namespaceId = outbox.newNamespace();
    receiver.answer(namespaceId, 'index_namespace', answerWith(500, { 'retry-after': '300' }));
    const first = await relay();
    await outbox.due(namespaceId, 'index_namespace', 'refresh_seats');
    await eventually(async () => (await outbox.rows(namespaceId))[0]?.attempts === 1, 'it waits');
    await first.stop();
    await outbox.db.query(
      `DELETE FROM provisioning.outbox WHERE namespace_id = $1 AND event = 'index_namespace'`,
      [namespaceId],
    );
    await relay();
    await outbox.delivered(namespaceId);
  });

  test('two relays, killed in turn while 5,000 events go out: each arrives, in order', async () => {
    const namespaces = Array.from({ length: 100 }, () => outbox.newNamespace());
    const relays = [await relay(), await relay()];
    for (let run = 0; run < 10; run += 1) {
      await Promise.all(
        namespaces.map((namespaceId) =>
          outbox.due(namespaceId, ...EVENTS, 'refresh_user_assignments', 'duo_core_enabled'),
        ),
      );
      await sleep(200);
      const victim = relays.shift();
      await victim?.stop('SIGKILL');
      relays.push(await relay());
    }
    await eventually(
      async () => {
        const { rows } = await outbox.db.query(
          'SELECT count(*) AS open FROM provisioning.outbox WHERE delivered_at IS NULL',
        );
        return (rows[0] as { open: string }).open === '0';
      },
      'all are delivered',
      90_000,
    );
    for (const had of [await pushed(), posted()]) {
      expect(new Set(had.map(({ id }) => id)).size).toBe(5_000);
      for (const namespaceId of namespaces) {
        const own = had.filter((event) => event.namespaceId === namespaceId).map(({ id }) => id);
        expect(firsts(own)).toEqual((await outbox.rows(namespaceId)).map(({ id }) => id));
      }
    }
  }, 180_000);
});
