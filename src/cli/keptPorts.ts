import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

const port = (fallback: number) => z.int().min(1).max(65_535).catch(fallback);

/** Where the servers of a data directory listen. */
const schema = z.object({ postgres: port(5432), temporal: port(7233), temporalUi: port(8233) });
type Ports = z.output<typeof schema>;

const NAMES = { postgres: 'PostgreSQL', temporal: 'Temporal', temporalUi: "Temporal's UI" };

const fileIn = (dataDir: string) => path.join(dataDir, 'ports.json');

/** The ports of the last start, which other programs know; the default ones at the first start. */
export async function keptPorts(dataDir: string): Promise<Ports> {
  const read = readFile(fileIn(dataDir), 'utf8').then((text) => JSON.parse(text) as unknown);
  return schema.parse(await read.catch(() => ({}))); // missing or truncated
}

/** Keeps the current ports, and reports those that differ from before. */
export async function keepPorts(
  dataDir: string,
  ports: Partial<Ports>,
  onProgress: (line: string) => void,
): Promise<void> {
  const before = await keptPorts(dataDir);
  for (const name of Object.keys(ports) as (keyof Ports)[]) {
    if (ports[name] === before[name]) continue;
    onProgress(`port ${before[name]} is taken: ${NAMES[name]} listens on ${ports[name]} from now on`);
  }
  await writeFile(fileIn(dataDir), `${JSON.stringify({ ...before, ...ports })}\n`);
}
