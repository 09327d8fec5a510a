import { Gauge, type Registry } from 'prom-client';

/** A gauge that is read off a look at something outside of the process. */
export interface LookedUp<State> {
  name: string;
  help: string;
  /** Makes a series for each of its values; absent: there is one series. */
  label?: string;
  valueOf: (state: State) => number | Record<string, number>;
}

/**
 * Makes gauges of one look, which is taken when the metrics are read: once for all that is read at the same time, and
 * not again within `keepMs` milliseconds. While there is no answer there are no series.
 */
export function lookedUpGauges<State>(
  registry: Registry,
  look: () => Promise<State>,
  gauges: LookedUp<State>[],
  keepMs = 0,
): void {
  const state = keptFor(keepMs, () => look().catch(() => null));
  for (const { name, help, label, valueOf } of gauges) {
    new Gauge({
      name,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [registry],
      async collect() {
        const now = await state();
        if (label === undefined) this.remove();
        else this.reset();
        if (now === null) return;
        const value = valueOf(now);
        if (typeof value === 'number') return this.set(value);
        for (const [name, each] of Object.entries(value)) this.set({ [label ?? '']: name }, each);
      },
    });
  }
}

/** What is being looked up is shared; what was, counts for a time. */
function keptFor<T>(keepMs: number, look: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | null = null;
  let until = Infinity;
  return () => {
    if (last === null || performance.now() >= until) {
      until = Infinity;
      last = look().finally(() => (until = performance.now() + keepMs));
    }
    return last;
  };
}
