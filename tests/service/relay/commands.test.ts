import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EVENTS } from '../../../src/relay/events';
import { eventually } from '../../support/eventually';
import { Outbox } from './support/outbox';
import { answerWith, SECRET, startReceiver, type Receiver } from './support/receiver';

const EVENT = 'refresh_seats';

let outbox: Outbox;
let receiver: Receiver;
beforeAll(async () => {
  [outbox, receiver] = await Promise.all([Outbox.create('relay_commands'), startReceiver()]);
  await outbox.relay({
    OUTBOX_WEBHOOK_URL: receiver.url,
    OUTBOX_WEBHOOK_SECRET: SECRET,
    OUTBOX_RETRY_BASE_MS: '1',
    OUTBOX_MAX_ATTEMPTS: '1',
  });
});
afterAll(async () => {
  await outbox?.close();
  await receiver?.close();
});

/** @returns the id of an event that the receiver has refused */
async function setAside(namespaceId: string): Promise<string> {
  receiver.answer(namespaceId, EVENT, answerWith(422));
  await outbox.due(namespaceId, EVENT);
  const row = await eventually(async () => {
    const [found] = await outbox.rows(namespaceId);
    return found?.deliveries[0]?.is_set_aside && found;
  }, 'it is set aside');
  return row.id;
}

const listed = async () =>
  JSON.parse((await outbox.command(['outbox', 'list', '--json'])).stdout) as Record<string, unknown>[];

describe('provisioner outbox', () => {
  test('lists what is set aside, for people and for programs', async () => {
    const namespaceId = outbox.newNamespace();
    const id = await setAside(namespaceId);
    const { code, stdout } = await outbox.command(['outbox', 'list']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ID +SINK +NAMESPACE +EVENT +SET ASIDE +TRIES +ERROR$/m);
    expect(stdout).toMatch(
      new RegExp(`^${id} +webhook +${namespaceId} +${EVENT} +[-0-9]+T[:0-9]+ +1 +answered 422$`, 'm'),
    );
    expect(await listed()).toContainEqual({
      ...{ id, sink: 'webhook', namespace_id: namespaceId, event: EVENT, attempts: 1, error: 'answered 422' },
      run_id: expect.any(String),
      released_at: expect.stringMatching(/^[-0-9]+T[:.0-9]+\+00:00$/),
      set_aside_at: expect.stringMatching(/^[-0-9]+T[:.0-9]+\+00:00$/),
    });
  });

  test('retries one by its id, or all', async () => {
    const namespaces = [outbox.newNamespace(), outbox.newNamespace(), outbox.newNamespace()] as const;
    const ids = [await setAside(namespaces[0]), await setAside(namespaces[1]), await setAside(namespaces[2])];
    expect(await outbox.command(['outbox', 'retry', String(ids[0])])).toMatchObject({
      ...{ code: 0, stdout: '1 event will be delivered.\n' },
    });
    await outbox.delivered(namespaces[0]);
    expect((await listed()).map(({ id }) => id)).toEqual(expect.arrayContaining(ids.slice(1)));
    expect((await outbox.command(['outbox', 'retry', '--all'])).stdout).toMatch(/events will be delivered/);
    for (const namespaceId of namespaces) await outbox.delivered(namespaceId);
    expect(await listed()).toEqual([]);
    expect((await outbox.command(['outbox', 'list'])).stdout).toBe('Nothing is set aside.\n');
  });

  test('discards what is set aside, and what was never taken up', async () => {
    const namespaceId = outbox.newNamespace();
    const id = await setAside(namespaceId);
    await outbox.due(namespaceId, 'an_event_of_tomorrow');
    const later = (await outbox.rows(namespaceId)).at(-1)?.id ?? '';
    expect((await outbox.command(['outbox', 'discard', `evt_${id}`, later])).stdout).toBe(
      '2 events given up.\n',
    );
    expect(await listed()).toEqual([]);
    const rows = await outbox.rows(namespaceId);
    expect(rows.map(({ is_delivered, deliveries }) => [is_delivered, deliveries])).toEqual([
      [false, []],
      [false, []],
    ]);
  });

  test('says which events it does not find, and then does nothing', async () => {
    const namespaceId = outbox.newNamespace();
    const id = await setAside(namespaceId);
    const before = await outbox.rows(namespaceId);
    for (const [verb, problem] of [
      ['retry', 'is not set aside'],
      ['discard', 'is not released, or delivered already'],
    ] as const) {
      const { code, stderr } = await outbox.command(['outbox', verb, id, '999999']);
      expect(code).toBe(1);
      expect(stderr).toBe(
        `provisioner: event 999999 ${problem}: provisioner outbox list shows what is set aside\n`,
      );
    }
    expect(await outbox.rows(namespaceId)).toEqual(before);
    expect(await outbox.command(['outbox', 'retry'])).toMatchObject({
      ...{ code: 1, stderr: 'provisioner: outbox retry takes ids of events, or --all\n' },
    });
    expect((await outbox.command(['outbox', 'discard', 'x'])).stderr).toContain(
      'It takes ids as "outbox list" prints them.',
    );
  });
});

describe('without a sink', () => {
  test('the start and the check say what is not done, and what waits goes out once there is one', async () => {
    const own = await Outbox.create('relay_without_sink');
    try {
      const namespaceId = own.newNamespace();
      await own.due(namespaceId, EVENT, 'index_namespace');
      const relay = await own.relay({});
      expect(relay.progress()).toMatch(
        /^neither OUTBOX_SIDEKIQ_REDIS_URL nor OUTBOX_WEBHOOK_URL is set: follow-up work stays .*index the namespace/m,
      );
      expect(await own.rows(namespaceId)).toMatchObject([
        { attempts: 0, is_delivered: false, deliveries: [] },
        { attempts: 0, is_delivered: false, deliveries: [] },
      ]);
      await relay.stop();
      await own.relay({ OUTBOX_WEBHOOK_URL: receiver.url, OUTBOX_WEBHOOK_SECRET: SECRET });
      await own.delivered(namespaceId);
    } finally {
      await own.close();
    }
  });

  test.each([
    ['no sink', {}, [/^warning: neither OUTBOX_SIDEKIQ_REDIS_URL nor/m, /no job for: /]],
    [
      'Sidekiq only',
      { OUTBOX_SIDEKIQ_REDIS_URL: 'redis://127.0.0.1:1/0' },
      [/nobody gets the events .* no job for: /],
    ],
    [
      'both',
      {
        OUTBOX_SIDEKIQ_REDIS_URL: 'redis://127.0.0.1:1/0',
        OUTBOX_WEBHOOK_URL: 'http://127.0.0.1:8999',
        OUTBOX_WEBHOOK_SECRET: SECRET,
      },
      [/only the webhook gets the events .* no job for: /],
    ],
  ])('the check names the events that GitLab has no job for: %s', async (_, variables, expected) => {
    const { code, stdout } = await outbox.command(['check', '--only', 'relay'], variables);
    expect(code).toBe(0);
    for (const pattern of expected) expect(stdout).toMatch(pattern);
    const jobless = Object.keys(EVENTS).filter((event) => EVENTS[event]?.job === null);
    for (const event of jobless) expect(stdout).toContain(event);
  });
});
