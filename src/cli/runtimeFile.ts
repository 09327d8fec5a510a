import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

const schema = z.object({
  gitlabDatabaseUrl: z.string().nullable(),
  customersDotDatabaseUrl: z.string().nullable(),
  temporalAddress: z.string().nullable(),
  temporalUiUrl: z.string().nullable(),
  apiUrl: z.string().nullable(),
  customersDotUrl: z.string().nullable(),
});

/** Where a running service and its servers listen: how other commands and parts on this machine find them. */
export type Runtime = z.output<typeof schema>;

const directoryIn = (dataDir: string) => path.join(dataDir, 'run');

/** Publishes what this process runs; readable by its owner only, as it holds the embedded database's password. */
export async function publishRuntime(dataDir: string, runtime: Runtime): Promise<void> {
  const directory = directoryIn(dataDir);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, `${process.pid}.json`);
  await writeFile(`${file}.draft`, `${JSON.stringify(runtime, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.draft`, file);
}

/** What the other live processes on this data directory run, all together; null where none runs it. */
export async function findRuntime(dataDir: string): Promise<Runtime> {
  const directory = directoryIn(dataDir);
  const found: Runtime = {
    gitlabDatabaseUrl: null,
    customersDotDatabaseUrl: null,
    temporalAddress: null,
    temporalUiUrl: null,
    apiUrl: null,
    customersDotUrl: null,
  };
  for (const name of await readdir(directory).catch(() => [])) {
    const file = path.join(directory, name);
    const pid = Number(/^(\d+)\.json$/.exec(name)?.[1]);
    // Ours, or that of a predecessor with the same pid, as in a restarted container: then we are about to replace it.
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if (!isAlive(pid)) await rm(file, { force: true });
    else Object.assign(found, withoutNulls(await readRuntime(file)));
  }
  return found;
}

/** Withdraws what this process published. */
export async function withdrawRuntime(dataDir: string): Promise<void> {
  await rm(path.join(directoryIn(dataDir), `${process.pid}.json`), { force: true });
}

async function readRuntime(file: string): Promise<Partial<Runtime>> {
  try {
    return schema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return {}; // it has just ended
  }
}

function withoutNulls(runtime: Partial<Runtime>): Partial<Runtime> {
  return Object.fromEntries(Object.entries(runtime).filter(([, value]) => value !== null));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
