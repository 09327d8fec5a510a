import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderTable } from '../src/cli/table';
import { withBench } from './bench';
import { entry } from './contenders';
import { warmUp } from './warmUp';

const DIRECTORY = path.join(__dirname, 'profiles');
const ROOT = path.join(__dirname, '..');
const TOP = 15;

/** What Node writes: call tree nodes, and which of them was running at each sample. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  /** Microseconds before each sample. */
  timeDeltas: number[];
}

/**
 * Writes a CPU profile of each thread of the service under load, for Chrome's developer tools or https://speedscope.app.
 * @returns tables of the functions that took most time by themselves, a table for each thread
 */
export async function profile(seconds: number): Promise<string> {
  await rm(DIRECTORY, { recursive: true, force: true });
  await mkdir(DIRECTORY, { recursive: true });
  await withBench(
    [entry('product')],
    async ({ contenders: [product], generator, say }) => {
      if (!product) return;
      await warmUp(generator, product);
      say('measuring');
      await generator.measure(product, { callers: 16 }, { seconds });
    },
    ['--cpu-prof', '--cpu-prof-dir', DIRECTORY],
  );
  const files = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.cpuprofile'));
  const tables = await Promise.all(
    files.map(async (file) => {
      const read = JSON.parse(await readFile(path.join(DIRECTORY, file), 'utf8')) as CpuProfile;
      return [`${path.relative(ROOT, DIRECTORY)}/${file}`, ...topFunctions(read)].join('\n');
    }),
  );
  return tables.join('\n\n');
}

function topFunctions({ nodes, samples, timeDeltas }: CpuProfile): string[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  samples.forEach((id, index) => {
    const name = names.get(id) ?? '';
    if (name !== '(idle)') times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  });
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  const rows = [...times]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, TOP)
    .map(([name, time]) => [(time / 1000).toFixed(0), ((time / total) * 100).toFixed(1), name])
    .map((cells) => cells.map((text) => ({ text })));
  return renderTable(['self ms', '%', 'function'], rows, process.stdout.isTTY);
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  if (url === '') return functionName;
  const file = url.startsWith('file:') ? path.relative(ROOT, fileURLToPath(url)) : url;
  return `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`;
}
