import { readFileSync } from 'node:fs';
import { renderTable } from '../src/cli/table';
import { withBench } from './bench';
import { entry } from './contenders';
import { warmUp } from './warmUp';

/** The service's memory after so many syncs. MiB. */
export interface MemorySample {
  syncs: number;
  resident: number;
  /** Milliseconds. */
  p50: number;
  perSecond: number;
}

const SAMPLES = 10;

/** Whether memory stays flat: the service's resident memory while it does many syncs. */
export async function memory(syncs: number): Promise<MemorySample[]> {
  const samples: MemorySample[] = [];
  await withBench([entry('product')], async ({ contenders: [product], generator, say }) => {
    if (!product) return;
    await warmUp(generator, product);
    for (let sample = 1; sample <= SAMPLES; sample++) {
      const until = { syncs: Math.ceil(syncs / SAMPLES) };
      const { p50, perSecond } = await generator.measure(product, { callers: 16 }, until);
      const resident = Math.max(...product.processes.service.map(residentMiB));
      samples.push({ syncs: sample * until.syncs, resident, p50, perSecond });
      say(`${sample * until.syncs} syncs: ${resident.toFixed(0)} MiB`);
    }
  });
  return samples;
}

function residentMiB(pid: number): number {
  const [, kiB] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kiB) / 1024;
}

/** The samples as a table. */
export function memoryTable(samples: MemorySample[]): string {
  const rows = samples.map(({ syncs, resident, p50, perSecond }) =>
    [String(syncs), resident.toFixed(0), p50.toFixed(1), perSecond.toFixed(0)].map((text) => ({ text })),
  );
  return renderTable(['syncs', 'resident MiB', 'p50 ms', 'syncs/s'], rows, process.stdout.isTTY).join('\n');
}
