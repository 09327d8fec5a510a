import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EVENTS } from '../../../src/relay/events';
import { eventually } from '../../support/eventually';
import { Exposition } from '../../support/exposition';
import type { ServiceProcess } from '../../support/serviceProcess';
import { Outbox } from './support/outbox';
import {
  answerWith,
  breakOff,
  never,
  SECRET,
  startReceiver,
  type Answer,
  type Receiver,
} from './support/receiver';

let outbox: Outbox;
let receiver: Receiver;
let relay: ServiceProcess;
beforeAll(async () => {
  [outbox, receiver] = await Promise.all([Outbox.create('relay_webhook'), startReceiver()]);
  relay = await outbox.relay({
    OUTBOX_WEBHOOK_URL: receiver.url,
    OUTBOX_WEBHOOK_SECRET: SECRET,
    OUTBOX_RETRY_BASE_MS: '20',
    OUTBOX_MAX_ATTEMPTS: '3',
  });
});
afterAll(async () => {
  await receiver?.close(); // first: it may owe an answer
  await outbox?.close();
});

const EVENT = 'refresh_seats';
const typesOf = (namespaceId: string) => receiver.of(namespaceId).map(({ body }) => body.type);

test('every event is posted once, in order, signed, with its payload, its sync and its run', async () => {
  const namespaceId = outbox.newNamespace();
  const runId = await outbox.due(namespaceId, ...Object.keys(EVENTS));
  const rows = await outbox.delivered(namespaceId);
  const received = receiver.of(namespaceId);
  expect(received.map(({ body }) => body)).toEqual(
    Object.keys(EVENTS).map((type, index) => ({
      type,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      data: { namespace_id: Number(namespaceId), sync_id: 7, run_id: runId, position: index + 1 },
    })),
  );
  expect(received.map(({ id }) => id)).toEqual(rows.map(({ id }) => `evt_${id}`));
  expect(received[0]?.headers).toMatchObject({
    'content-type': 'application/json',
    'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
    'webhook-signature': expect.stringMatching(/^v1,/),
  });
});

test.each<[string, Answer, string]>([
  ['500', answerWith(500), 'answered 500'],
  ['404', answerWith(404), 'answered 404'],
  ['a redirect', answerWith(302, { location: '/elsewhere' }), 'answered 302'],
  ['429', answerWith(429), 'answered 429'],
  ['an answer that breaks off in the middle', breakOff, 'other side closed'],
  ['no answer but the end of the connection', (res) => res.destroy(), 'other side closed'],
] as const)(
  'after %s an event is tried again with the same id, and what follows waits',
  async (_, answer, error) => {
    const namespaceId = outbox.newNamespace();
    receiver.answer(namespaceId, EVENT, answer, never);
    await outbox.due(namespaceId, EVENT, 'index_namespace');
    await eventually(async () => receiver.of(namespaceId).length === 2, 'the second try');
    expect((await outbox.rows(namespaceId))[0]).toMatchObject({
      attempts: 1,
      is_delivered: false,
      deliveries: [{ sink: 'webhook', attempts: 1, error, is_set_aside: false }],
    });
    expect(typesOf(namespaceId)).toEqual([EVENT, EVENT]);
    expect(new Set(receiver.of(namespaceId).map(({ id }) => id)).size).toBe(1);
  },
);

test('a receiver that does not answer is given ten seconds, and holds up no other namespace', async () => {
  const [stuck, other] = [outbox.newNamespace(), outbox.newNamespace()];
  receiver.answer(stuck, EVENT, never);
  const since = performance.now();
  await outbox.due(stuck, EVENT);
  await eventually(async () => receiver.of(stuck).length === 1, 'the first try');
  await outbox.due(other, EVENT);
  await outbox.delivered(other, 5_000);
  await outbox.delivered(stuck);
  expect(performance.now() - since).toBeGreaterThan(9_500);
  expect(typesOf(stuck)).toEqual([EVENT, EVENT]);
});

test('Retry-After is heeded', async () => {
  const namespaceId = outbox.newNamespace();
  receiver.answer(namespaceId, EVENT, answerWith(429, { 'retry-after': '2' }));
  await outbox.due(namespaceId, EVENT);
  await eventually(async () => receiver.of(namespaceId).length === 1, 'the first try');
  const since = performance.now();
  await outbox.delivered(namespaceId);
  expect(performance.now() - since).toBeGreaterThan(1_800);
});

test('a Retry-After that one namespace is told holds up no other', async () => {
  const [told, other] = [outbox.newNamespace(), outbox.newNamespace()];
  receiver.answer(told, EVENT, answerWith(429, { 'retry-after': '300' }));
  await outbox.due(told, EVENT);
  await eventually(async () => (await outbox.rows(told))[0]?.attempts === 1, 'its first try');
  await outbox.due(other, EVENT);
  await outbox.delivered(other, 5_000);
  expect(receiver.of(told)).toHaveLength(1);
});

test('an event that is refused too often is set aside, and the rest of its namespace goes on', async () => {
  const namespaceId = outbox.newNamespace();
  receiver.answer(namespaceId, EVENT, answerWith(500), answerWith(400), answerWith(500));
  await outbox.due(namespaceId, EVENT, 'index_namespace');
  await eventually(async () => typesOf(namespaceId).includes('index_namespace'), 'the rest');
  expect(typesOf(namespaceId)).toEqual([EVENT, EVENT, EVENT, 'index_namespace']);
  const rows = await eventually(async () => {
    const found = await outbox.rows(namespaceId);
    return found[1]?.is_delivered && found;
  }, 'the rest is settled');
  expect(rows[0]).toMatchObject({
    attempts: 3,
    is_delivered: false,
    deliveries: [{ attempts: 3, error: 'answered 500', is_set_aside: true }],
  });
  expect(relay.log()).toContain('an event was set aside');
});

test('a sink that is away is asked for longer than that: nothing is set aside', async () => {
  const namespaceId = outbox.newNamespace();
  receiver.answer(namespaceId, EVENT, ...Array.from({ length: 6 }, () => answerWith(503)));
  await outbox.due(namespaceId, EVENT);
  const [row] = await outbox.delivered(namespaceId);
  expect(row).toMatchObject({ attempts: 7, deliveries: [{ attempts: 7, error: null, is_set_aside: false }] });
});

test('its metrics count tries and delays, and show what waits', async () => {
  const namespaceId = outbox.newNamespace();
  await outbox.due(namespaceId, EVENT);
  await outbox.delivered(namespaceId);
  const shown = await Exposition.of(relay.relayUrl);
  const sink = { sink: 'webhook' };
  const delivered = shown.value('provisioner_outbox_deliveries_total', { ...sink, result: 'delivered' });
  expect(delivered).toBeGreaterThan(0);
  expect(shown.value('provisioner_outbox_delivery_delay_seconds_count', sink)).toBe(delivered);
  expect(shown.value('provisioner_outbox_undelivered', sink)).not.toBeNull();
  expect(shown.value('provisioner_outbox_undelivered_age_seconds', sink)).not.toBeNull();
  expect(shown.value('provisioner_outbox_set_aside', sink)).not.toBeNull();
  expect(shown.value('provisioner_part', { part: 'relay' })).toBe(1);
  expect(await (await fetch(`${relay.relayUrl}/-/readiness`)).json()).toMatchObject({ status: 'ok' });
});
