import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { mendDeliveries } from '../db/deliveries';
import type { Metrics } from '../metrics/metrics';
import { formsOf } from './events';
import { listen } from './listen';
import type { Sink } from './sink';
import { SinkRelay } from './sinkRelay';

export interface RelayOptions {
  /** Of GitLab's database. */
  databaseUrl: string;
  pool: Pool;
  log: Logger;
  metrics: Metrics;
  /** None: what is released stays where it is. */
  sinks: Sink[];
  retryBaseMs: number;
  maxAttempts: number;
}

/** The relay, at work. */
export interface RunningRelay {
  /** The sinks that nothing gets through to now: one line each. */
  troubles(): string[];
  stop(): Promise<void>;
}

/**
 * Delivers released follow-up work to each sink by itself, so that one that is away holds up no other (contract 4.6).
 * @throws when the tables of deliveries cannot be used
 */
export async function startRelay({ databaseUrl, sinks, ...shared }: RelayOptions): Promise<RunningRelay> {
  await mendDeliveries(shared.pool);
  const forms = formsOf(sinks.map(({ name }) => name));
  const relays = sinks.map((sink) => new SinkRelay({ ...shared, sink, forms }));
  const kick = () => relays.forEach((relay) => relay.kick());
  const listener = sinks.length === 0 ? null : listen(databaseUrl, shared.log, kick);
  return {
    troubles: () => relays.flatMap((relay) => relay.trouble() ?? []),
    stop: async () => {
      await Promise.all([listener?.stop(), ...relays.map((relay) => relay.stop())]);
    },
  };
}
