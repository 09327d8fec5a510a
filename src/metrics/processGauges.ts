import os from 'node:os';
import v8 from 'node:v8';
import { Gauge, type Registry } from 'prom-client';

/** The state of a connection pool. */
export interface PoolUse {
  /** Open connections, and the unused ones of them. */
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
      name: `provisioner_pool_${name}`,
      help,
      labelNames: ['pool'],
      registers,
      collect() {
        for (const [name, pool] of pools) this.set({ pool: name }, valueOf(pool));
      },
    });
  gauge('size', 'Connections to a database that may be open at most', ({ options }) => options.max);
  gauge('used', 'Connections that work', ({ totalCount, idleCount }) => totalCount - idleCount);
  gauge('idle', 'Open connections that nobody uses', ({ idleCount }) => idleCount);
  gauge('waiting', 'Work that waits for a connection', ({ waitingCount }) => waitingCount);
}

/** Shows whether what the process cannot work without is there at the moment the metrics are read. */
export function checkGauge(registers: Registry[], checks: ReadonlyMap<string, () => Promise<boolean>>): void {
  new Gauge({
    name: 'provisioner_check_up',
    help: 'Whether a check of the readiness passes: 1 or 0',
    labelNames: ['check'],
    registers,
    async collect() {
      const look = async ([check, passes]: [string, () => Promise<boolean>]) =>
        this.set({ check }, (await passes()) ? 1 : 0);
      await Promise.all([...checks].map(look));
    },
  });
}

/** Shows how much memory this process may use, for `process_resident_memory_bytes` and `nodejs_heap_size_used_bytes`. */
export function memoryLimitGauge(registers: Registry[]): void {
  const limits = new Gauge({
    name: 'provisioner_memory_limit_bytes',
    help: 'What the process may use: the limit of its container or the memory of the machine, and the limit of its heap',
    labelNames: ['of'],
    registers,
  });
  // Without a limit, Node gives a number that no machine has.
  limits.set({ of: 'process' }, Math.min(process.constrainedMemory() || Infinity, os.totalmem()));
  limits.set({ of: 'heap' }, v8.getHeapStatistics().heap_size_limit);
}
