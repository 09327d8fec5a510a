import { Webhook } from 'standardwebhooks';
import type { DueEvent } from '../db/deliveries';
import { fetchFailure } from '../domain/withoutCredentials';
import { retryAfterMs } from '../domain/retryAfter';
import { jsonId, TRY_MS, type Result, type Sink } from './sink';

// Most of the time of a try is waiting for the receiver.
const ROOM = 64;

// Said by whoever stands before the receiver, or by a receiver that wants less: not about the event.
const AWAY = [429, 502, 503, 504];

/**
 * Posts events as Standard Webhooks (https://www.standardwebhooks.com): signed, and with the same id at each try.
 * @param secret `whsec_` and base64
 */
export function webhookSink(url: string, secret: string): Sink {
  const webhook = new Webhook(secret);
  return {
    name: 'webhook',
    room: ROOM,
    deliver: async (event) => {
      const id = `evt_${event.id}`;
      const now = new Date();
      const body = bodyOf(event);
      return post(url, body, {
        'Content-Type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': webhook.sign(id, now, body),
      });
    },
    close: () => undefined,
  };
}

function bodyOf({ event, namespace_id, sync_id, run_id, released_at, payload }: DueEvent): string {
  return JSON.stringify({
    type: event,
    timestamp: new Date(Number(released_at) * 1000).toISOString(),
    data: {
      ...payload,
      namespace_id: jsonId(namespace_id),
      sync_id: sync_id === null ? null : jsonId(sync_id),
      run_id,
    },
  });
}

/** Delivered is what was answered 2xx, to the end of the answer: whoever breaks off may not have kept it. */
async function post(url: string, body: string, headers: Record<string, string>): Promise<Result> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), TRY_MS);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal: over.signal,
    });
    // Whatever it says is of no use, and there may be much of it.
    for await (const _ of (response.body ?? []) as AsyncIterable<Uint8Array>);
    if (response.ok) return { kind: 'delivered' };
    return {
      kind: AWAY.includes(response.status) ? 'away' : 'refused',
      error: `answered ${response.status}`,
      retryAfterMs: retryAfterMs(response.headers.get('retry-after'), Date.now()),
    };
  } catch (error) {
    const reason = over.signal.aborted ? `no answer within ${TRY_MS / 1000} s` : fetchFailure(error);
    return { kind: 'away', error: reason, retryAfterMs: null };
  } finally {
    clearTimeout(timer);
  }
}
