import { createClient } from '@redis/client';
import type { DueEvent } from '../db/deliveries';
import { fetchFailure } from '../domain/withoutCredentials';
import { EVENTS } from './events';
import { jsonId, TRY_MS, type Sink } from './sink';

// Commands of one turn of the event loop go out as one packet.
const ROOM = 500;

// What the jobs that GitLab's own endpoint starts say of their caller.
const ENDPOINT = 'POST /api/:version/internal/gitlab_subscriptions/namespaces/:id/provision';
const CALLER = {
  'meta.caller_id': ENDPOINT,
  'meta.root_caller_id': ENDPOINT,
  'meta.feature_category': 'plan_provisioning',
};

/**
 * Pushes jobs into the Redis of GitLab's Sidekiq, as Sidekiq's own client does.
 * @param url `redis://:password@host:port/db`, or `rediss://…`
 */
export function sidekiqSink(url: string, queue: string): Sink {
  let connection: ReturnType<typeof connect> | null = null;
  const open = () => {
    const opened = connect(url, () => {
      if (connection === opened) connection = null;
    });
    return opened;
  };
  const push = async (job: string) => {
    const client = await (connection ??= open());
    await client.multi().sAdd('queues', queue).lPush(`queue:${queue}`, job).execAsPipeline();
  };
  const drop = (lost: typeof connection) => {
    if (connection === lost) connection = null;
    lost?.then(
      (client) => client.isOpen && client.destroy(),
      () => undefined,
    );
  };
  return {
    name: 'sidekiq',
    room: ROOM,
    deliver: async (event) => {
      const pushed = push(JSON.stringify(jobOf(event, queue, Date.now())));
      const used = connection;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${TRY_MS / 1000} s`)), TRY_MS);
      });
      try {
        await Promise.race([pushed, late]);
        return { kind: 'delivered' };
      } catch (error) {
        drop(used); // what was not sent by then must not be sent later, after a younger job
        // Whatever Redis refuses, it refuses for its own state: it does not look into a job.
        return { kind: 'away', error: fetchFailure(error), retryAfterMs: null };
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => drop(connection),
  };
}

async function connect(url: string, onLost: () => void) {
  const client = createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    socket: { connectTimeout: TRY_MS / 2, reconnectStrategy: false },
  });
  client.on('error', onLost).on('end', onLost);
  await client.connect();
  return client;
}

/** @param now milliseconds since 1970 */
function jobOf(event: DueEvent, queue: string, now: number): Record<string, unknown> {
  const job = EVENTS[event.event]?.job;
  if (!job) throw new Error(`${event.event} has no job`); // it is not taken up for this sink
  return {
    class: job.class,
    args: job.args(jsonId(event.namespace_id)),
    retry: job.retry,
    queue,
    // Digits are hexadecimal, too: whoever reads an id in GitLab's log finds the event by it.
    jid: event.id.padStart(24, '0'),
    created_at: seconds(Number(event.created_at)),
    enqueued_at: seconds(now / 1000),
    ...(event.correlation_id !== null && { correlation_id: event.correlation_id }),
    ...CALLER,
  };
}

/** Sidekiq tells seconds from milliseconds by their fraction, which therefore is never left out. */
function seconds(value: number): number {
  return Number.isInteger(value) ? value + 1e-6 : value;
}
