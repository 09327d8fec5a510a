import os from 'node:os';
import v8 from 'node:v8';
import { Gauge, type Registry } from 'prom-client';

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
