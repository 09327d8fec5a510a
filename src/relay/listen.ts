import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Logger } from 'pino';
import { RELEASED } from '../db/relayWaker';

const AGAIN_MS = 1_000;

/** A connection that is told when follow-up work is released. */
export interface Listener {
  stop(): Promise<void>;
}

/**
 * Listens on a session of its own, and on another one when that is lost. Whoever is told polls, too, so that nothing
 * depends on it.
 * @param onReleased called at each release, and once for each session, for what was released before it
 */
export function listen(url: string, log: Logger, onReleased: () => void): Listener {
  const stopped = new AbortController();
  let client: Client | null = null;
  const done = (async () => {
    while (!stopped.signal.aborted) {
      try {
        client = new Client({
          connectionString: url,
          application_name: 'provisioner relay listener',
          connectionTimeoutMillis: 4_000,
          keepAlive: true,
        });
        const lost = new Promise<unknown>((resolve) =>
          client?.on('error', resolve).on('end', () => resolve(null)),
        );
        client.on('notification', onReleased);
        await client.connect();
        await client.query(`LISTEN ${RELEASED}`);
        onReleased();
        await lost;
      } catch (error) {
        log.warn({ err: error }, 'the relay is not told of releases: it looks once a second');
      }
      await client?.end().catch(() => undefined);
      await sleep(AGAIN_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  return {
    stop: async () => {
      stopped.abort();
      await client?.end().catch(() => undefined);
      await done;
    },
  };
}
