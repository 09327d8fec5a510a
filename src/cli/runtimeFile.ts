import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { processInfo } from '../local/processInfo';
import { PARTS } from './parts';

const runtimeSchema = z.object({
  gitlabDatabaseUrl: z.string().nullable(),
  customersDotDatabaseUrl: z.string().nullable(),
  temporalAddress: z.string().nullable(),
  temporalUiUrl: z.string().nullable(),
  temporalNamespace: z.string().nullable(),
  apiUrl: z.string().nullable(),
  customersDotUrl: z.string().nullable(),
  relayUrl: z.string().nullable(),
});

/** Where a running service and its servers listen: how other commands and parts on this machine find them. */
export type Runtime = z.output<typeof runtimeSchema>;

/** What nobody runs. */
export const NOTHING: Runtime = {
  gitlabDatabaseUrl: null,
  customersDotDatabaseUrl: null,
  temporalAddress: null,
  temporalUiUrl: null,
  temporalNamespace: null,
  apiUrl: null,
  customersDotUrl: null,
  relayUrl: null,
};

const fileSchema = z.object({
  /** When the process began: another process that has got its pid by now began later. */
  began: z.string(),
  parts: z.array(z.enum(PARTS)),
  /** When it began to use the data directory, in microseconds of the machine's own time; null: it has not said yet. */
  came: z.number().nullable(),
  runtime: runtimeSchema,
});

/** A live process on a data directory. */
export interface RunningProcess extends Omit<z.output<typeof fileSchema>, 'began'> {
  pid: number;
}

/** The folder of a data directory where processes tell of each other. */
export const runFolder = (dataDir: string) => path.join(dataDir, 'run');

const ownFile = (dataDir: string) => path.join(runFolder(dataDir), `${process.pid}.json`);

/**
 * Publishes what this process runs: NOTHING while it starts and while it stops. Readable by its owner only, as it holds the
 * embedded database's password.
 */
export async function publishRuntime(dataDir: string, told: Omit<RunningProcess, 'pid'>): Promise<void> {
  const file = ownFile(dataDir);
  const content = { began: processInfo(process.pid)?.began ?? '', ...told };
  await writeFile(`${file}.draft`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.draft`, file);
}

/** Withdraws what this process published. */
export async function withdrawRuntime(dataDir: string): Promise<void> {
  await rm(ownFile(dataDir), { force: true });
}

/** What the other live processes on this data directory run, all together; null where none runs it. */
export async function findRuntime(dataDir: string): Promise<Runtime> {
  const found = { ...NOTHING };
  for (const { runtime } of await runningProcesses(dataDir)) {
    Object.assign(found, Object.fromEntries(Object.entries(runtime).filter(([, value]) => value !== null)));
  }
  return found;
}

/** The other live processes on this data directory. What ended ones have left behind is removed. */
export async function runningProcesses(dataDir: string): Promise<RunningProcess[]> {
  const running: RunningProcess[] = [];
  for (const name of await readdir(runFolder(dataDir)).catch(() => [])) {
    const pid = Number(/^(\d+)\.json$/.exec(name)?.[1]);
    // Ours, or that of a predecessor with the same pid, as in a restarted container: then we are about to replace it.
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const file = path.join(runFolder(dataDir), name);
    const content = await readRuntimeFile(file);
    if (content === null) continue;
    const { began, ...told } = content;
    if (processInfo(pid)?.began === began) running.push({ pid, ...told });
    else await rm(file, { force: true });
  }
  return running;
}

async function readRuntimeFile(file: string): Promise<z.output<typeof fileSchema> | null> {
  try {
    return fileSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return null; // it has just ended
  }
}
