import { Gauge, type Registry } from 'prom-client';

/** What a connection pool tells about itself. */
export interface PoolUse {
  /** Connections that are open, and those of them that nobody uses. */
  totalCount: number;
  idleCount: number;
  /** Work that waits for a connection. */
  waitingCount: number;
  options: { max: number };
}

/** Shows how pools are used at the moment the metrics are read. */
export function poolGauges(registers: Registry[], pools: ReadonlyMap<string, PoolUse>): void {
  const gauge = (name: string, help: string, valueOf: (pool: PoolUse) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['pool'],
      registers,
      collect() {
        for (const [name, pool] of pools) this.set({ pool: name }, valueOf(pool));
      },
    });
  gauge(
    'provisioner_pool_size',
    'Connections to a database that may be open at most',
    ({ options }) => options.max,
  );
  gauge(
    'provisioner_pool_used',
    'Connections that work',
    ({ totalCount, idleCount }) => totalCount - idleCount,
  );
  gauge('provisioner_pool_idle', 'Open connections that nobody uses', ({ idleCount }) => idleCount);
  gauge('provisioner_pool_waiting', 'Work that waits for a connection', ({ waitingCount }) => waitingCount);
}
