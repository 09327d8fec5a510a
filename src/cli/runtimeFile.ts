import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Config } from '../config/config';
import { processInfo } from '../local/processInfo';
import { runUrl } from '../worker/links';
import { PARTS } from './parts';

const known = z.string().nullable().default(null);
const runtimeSchema = z.object({
  gitlabDatabaseUrl: known,
  customersDotDatabaseUrl: known,
  temporalAddress: known,
  temporalUiUrl: known,
  temporalNamespace: known,
  apiUrl: known,
  customersDotUrl: known,
  relayUrl: known,
});

/** Where a running service and its servers listen: how other commands and parts on this machine find them. */
export type Runtime = z.output<typeof runtimeSchema>;

/** Nothing runs. */
export const NOTHING: Runtime = runtimeSchema.parse({});

const fileSchema = z.object({
  /** When the process began: a later process with the same pid began later. */
  began: z.string(),
  parts: z.array(z.enum(PARTS)),
  /** When it registered, in microseconds of the machine's monotonic clock; null: it is about to. */
  registeredAt: z.number().nullable(),
  runtime: runtimeSchema,
});

/** A live process on a data directory. */
export interface RunningProcess extends Omit<z.output<typeof fileSchema>, 'began'> {
  pid: number;
}

/** The folder of a data directory where processes register. */
export const runFolder = (dataDir: string) => path.join(dataDir, 'run');

const ownFile = (dataDir: string) => path.join(runFolder(dataDir), `${process.pid}.json`);

/**
 * Publishes what this process runs: NOTHING while it starts and while it stops. Readable by its owner only, as it holds the
 * embedded database's password.
 */
export async function publishRuntime(dataDir: string, own: Omit<RunningProcess, 'pid'>): Promise<void> {
  const file = ownFile(dataDir);
  const content = { began: processInfo(process.pid)?.began ?? '', ...own };
  await writeFile(`${file}.draft`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.draft`, file);
}

/** Removes what this process published. */
export async function withdrawRuntime(dataDir: string): Promise<void> {
  await rm(ownFile(dataDir), { force: true });
}

/** What the other live processes on this data directory run; null where none runs it. */
export async function findRuntime(dataDir: string): Promise<Runtime> {
  const found = { ...NOTHING };
  for (const { runtime } of await runningProcesses(dataDir)) {
    Object.assign(found, Object.fromEntries(Object.entries(runtime).filter(([, value]) => value !== null)));
  }
  return found;
}

/** The other live processes on this data directory. Removes the files of ended ones. */
export async function runningProcesses(dataDir: string): Promise<RunningProcess[]> {
  const running: RunningProcess[] = [];
  for (const name of await readdir(runFolder(dataDir)).catch(() => [])) {
    const pid = Number(/^(\d+)\.json$/.exec(name)?.[1]);
    // Ours, or that of a predecessor with the same pid, as in a restarted container: we are about to replace it.
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const file = path.join(runFolder(dataDir), name);
    const read = readFile(file, 'utf8').then((text) => fileSchema.parse(JSON.parse(text)));
    const content = await read.catch(() => null); // it has just ended
    if (content === null) continue;
    const { began, ...own } = content;
    if (processInfo(pid)?.began === began) running.push({ pid, ...own });
    else await rm(file, { force: true });
  }
  return running;
}

/** The page of a run, or of a workflow's newest run, in the Temporal UI; null: its address is unknown. */
export type RunLink = (workflowId: string | null, runId: string | null) => string | null;

/** Builds links when they are shown, as the UI may have moved: the configured one, or the one that runs here. */
export async function openRunLinks(config: Config): Promise<RunLink> {
  const { temporalUiUrl, temporalNamespace } = await findRuntime(config.dataDir);
  const uiUrl = config.temporalUiUrl ?? temporalUiUrl;
  const namespace = config.temporal?.namespace ?? temporalNamespace ?? config.temporalNamespace;
  return (workflowId, runId) =>
    uiUrl === null || workflowId === null ? null : runUrl(uiUrl, namespace, workflowId, runId);
}
