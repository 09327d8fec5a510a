import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { takeTurn, type DueEvent, type EventForm, type Settlement } from '../db/deliveries';
import type { Metrics } from '../metrics/metrics';
import type { Result, Sink } from './sink';

export interface SinkRelayOptions {
  pool: Pool;
  log: Logger;
  metrics: Pick<Metrics, 'deliveries' | 'deliveryDelay'>;
  sink: Sink;
  /** Of all sinks. */
  forms: EventForm[];
  /** Milliseconds before the second try; doubled with each further one. */
  retryBaseMs: number;
  /** Tries after which an event that is refused is set aside. */
  maxAttempts: number;
}

// The net below NOTIFY, which nobody gets who is just not connected.
const LOOK_EVERY_MS = 1_000;
// A refused event will most likely be refused again; a sink that is away may be back at any time.
const MAX_WAIT_MS = { refused: 300_000, away: 30_000 };

/** Delivers to one sink what is due: one event of a namespace at a time, in the order of their ids, at least once. */
export class SinkRelay {
  private readonly stopped = new AbortController();
  private wake = new AbortController();
  private readonly done: Promise<void>;
  private underWay = 0;
  private settled: Settlement[] = [];
  /** How often in a row the sink was found away, and until when it is left alone therefore. */
  private silence = { times: 0, until: 0, lastAnswer: 0 };
  private problem: string | null = null;

  constructor(private readonly options: SinkRelayOptions) {
    this.done = this.run();
  }

  /** Looks at once: something was released, or a try has ended. */
  kick(): void {
    this.wake.abort();
  }

  /** Why nothing gets through now; null: it does, or nothing was tried. */
  trouble(): string | null {
    return this.problem && `sink ${this.options.sink.name} is away: ${this.problem}`;
  }

  /** Takes up nothing more and settles what is under way, within the time of one try. */
  async stop(): Promise<void> {
    this.stopped.abort();
    this.kick();
    await this.done;
    this.options.sink.close();
  }

  private async run(): Promise<void> {
    const { log, sink } = this.options;
    while (!this.stopped.signal.aborted || this.underWay > 0 || this.settled.length > 0) {
      this.wake = new AbortController();
      const waitMs = await this.turn().catch((error: unknown) => {
        log.warn({ err: error, sink: sink.name }, 'deliveries of the outbox could not be looked up');
        return this.stopped.signal.aborted && this.underWay === 0 ? null : LOOK_EVERY_MS;
      });
      if (waitMs === null) return; // what is not settled is delivered once more
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.wake.signal }).catch(() => undefined);
    }
  }

  /** @returns milliseconds until the next one, unless something comes up before */
  private async turn(): Promise<number> {
    const { pool, sink, forms, metrics } = this.options;
    const settled = this.settled.splice(0);
    const pauseMs = Math.max(0, this.silence.until - performance.now());
    const isOpen = pauseMs === 0 && !this.stopped.signal.aborted;
    const room = isOpen ? sink.room - this.underWay : 0;
    const turn = await takeTurn(pool, { sink: sink.name, forms, settled, room }).catch((error: unknown) => {
      this.settled.unshift(...settled);
      throw error;
    });
    for (const seconds of turn.delays) metrics.deliveryDelay.observe({ sink: sink.name }, seconds);
    for (const event of turn.due) this.start(event);
    if (!isOpen) return Math.min(LOOK_EVERY_MS, pauseMs || LOOK_EVERY_MS);
    if (turn.due.length === room) return LOOK_EVERY_MS; // the end of a try makes room, and kicks
    return turn.isFull ? 0 : Math.min(LOOK_EVERY_MS, Math.max(1, turn.nextMs ?? LOOK_EVERY_MS));
  }

  private start(event: DueEvent): void {
    this.underWay += 1;
    const since = performance.now();
    void this.options.sink.deliver(event).then((result) => {
      this.underWay -= 1;
      this.settled.push(this.settle(event, result, since));
      this.kick();
    });
  }

  private settle(event: DueEvent, result: Result, since: number): Settlement {
    const { sink, metrics, maxAttempts, log } = this.options;
    this.listen(result, since);
    if (result.kind === 'delivered') {
      metrics.deliveries.inc({ sink: sink.name, result: 'delivered' });
      return { event, error: null, waitMs: null };
    }
    const { error } = result;
    const attempts = event.attempts + 1;
    const isSetAside = result.kind === 'refused' && attempts >= maxAttempts;
    const about = {
      sink: sink.name,
      outbox_id: event.id,
      namespace_id: event.namespace_id,
      attempts,
      reason: error,
    };
    if (isSetAside) log.error(about, 'an event was set aside: the rest of its namespace goes on without it');
    else if (result.kind === 'refused') log.warn(about, 'an event was refused and is tried again');
    metrics.deliveries.inc({ sink: sink.name, result: isSetAside ? 'set_aside' : 'failed' });
    const waitMs = isSetAside ? null : this.delay(attempts, result.kind, result.retryAfterMs);
    return { event, error, waitMs };
  }

  /** Notes whether the sink answers. While it does not, it is asked now and then only, whatever waits for it. */
  private listen(result: Result, since: number): void {
    const { log, sink } = this.options;
    const now = performance.now();
    if (result.kind !== 'away') {
      if (this.problem !== null) log.info({ sink: sink.name }, 'the sink answers again');
      this.problem = null;
      this.silence = { times: 0, until: 0, lastAnswer: now };
      return;
    }
    // Others got through meanwhile, or this one began before the last pause did.
    if (this.silence.lastAnswer > since || this.silence.until > since) return;
    if (this.problem === null) log.warn({ sink: sink.name, reason: result.error }, 'a sink is away');
    this.problem = result.error;
    this.silence.times += 1;
    this.silence.until = now + this.delay(this.silence.times, 'away', null);
  }

  private delay(tries: number, kind: 'refused' | 'away', retryAfterMs: number | null): number {
    const doubled = this.options.retryBaseMs * 2 ** Math.min(tries - 1, 30);
    return Math.max(Math.min(doubled, MAX_WAIT_MS[kind]), retryAfterMs ?? 0);
  }
}
