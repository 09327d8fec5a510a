import type { DueEvent } from '../db/deliveries';
import type { SinkName } from './events';

/**
 * What came of a try. `refused`: the sink answered, and would not have this event. `away`: it did not answer, or not for
 * itself, which says nothing of the event.
 */
export type Result =
  { kind: 'delivered' } | { kind: 'refused' | 'away'; error: string; retryAfterMs: number | null };

/** A way to GitLab. */
export interface Sink {
  name: SinkName;
  /** How many events are tried at the same time. */
  room: number;
  /** Tries to deliver an event, for ten seconds at most. Never rejects. Errors have no credentials in them. */
  deliver(event: DueEvent): Promise<Result>;
  close(): void;
}

/** Milliseconds that a try may take. Shorter than a lease (src/db/deliveries.ts). */
export const TRY_MS = 10_000;

/** An id as a JSON number, where that holds it exactly. */
export function jsonId(id: string): number | string {
  return Number.isSafeInteger(Number(id)) ? Number(id) : id;
}
