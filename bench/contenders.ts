import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { nodeArguments, startService } from './processes';
import { startRestateServer } from './restateServer';
import type { Servers } from './servers';
import { BACKENDS, type Backend } from './temporalServers';

const PRODUCT = [path.join(__dirname, '../dist/cli/main.js'), 'start', '--only', 'api,worker'];
const PRELOAD = path.join(__dirname, '../dist/worker/fastSandbox.js');
const NAIVE = nodeArguments('peers/naive.ts');

/** Arguments of each contender's Node, and the server that it works with beside PostgreSQL; in the order of the table. */
const DEFINITIONS = {
  product: { args: PRODUCT, engine: 'sqlite' },
  'product-fast': { args: ['--require', PRELOAD, ...PRODUCT], engine: 'sqlite' },
  naive: { args: NAIVE, engine: 'sqlite' },
  'product-pg': { args: PRODUCT, engine: 'postgres' },
  'naive-pg': { args: NAIVE, engine: 'postgres' },
  dbos: { args: nodeArguments('peers/dbos.ts'), engine: null },
  restate: { args: nodeArguments('peers/restate.ts'), engine: 'restate' },
  express: { args: nodeArguments('peers/express.ts'), engine: null },
  graphile: { args: nodeArguments('peers/graphile.ts'), engine: null },
} satisfies Record<string, { args: string[]; engine: Backend | 'restate' | null }>;

export type ContenderName = keyof typeof DEFINITIONS;
export const CONTENDERS = Object.keys(DEFINITIONS) as ContenderName[];

/** A contender that is asked for. */
export interface Entry {
  /** Unique; its name, and the version of Node if it is not the bench's own. */
  label: string;
  name: ContenderName;
  /** The Node that runs its service. */
  node: string;
}

/** @param text a contender's name, or `name@/path/to/another/node` */
export function entry(text: string): Entry {
  const [asked, node] = text.split('@');
  const name = CONTENDERS.find((one) => one === asked);
  if (!name) throw new Error(`there is no ${asked}: there are ${CONTENDERS.join(', ')}`);
  if (node === undefined) return { label: name, name, node: process.execPath };
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  return { label: `${name}-node${version.slice(1)}`, name, node };
}

/** A contender that is up. */
export interface Contender {
  label: string;
  url: string;
  /** Its processes, by what they do; PostgreSQL's are all that there are, so contenders are measured one at a time. */
  processes: { service: number[]; engine: number[]; postgres: number[] };
  /** Where its runs can be looked up; null: it has no Temporal. */
  temporal: { address: string; namespace: string } | null;
  stop(): Promise<void>;
}

/** Which Temporal server a contender works with; null: none. */
export function backendOf(name: ContenderName): Backend | null {
  return BACKENDS.find((backend) => DEFINITIONS[name].engine === backend) ?? null;
}

/**
 * Starts a contender on a database of its own.
 * @param nodeFlags more flags for the Node of its service
 */
export async function startContender(
  { label, name, node }: Entry,
  servers: Servers,
  nodeFlags: string[],
): Promise<Contender> {
  const engine = await startEngine(label, name, servers);
  try {
    const service = await startService(
      node,
      [...nodeFlags, ...DEFINITIONS[name].args],
      {
        GITLAB_DATABASE_URL: await servers.createDatabase(label),
        SUBSCRIPTION_PORTAL_URL: servers.issuerUrl,
        PORT: '0',
        DATA_DIR: path.join(servers.directory, label),
        ...engine.env,
      },
      path.join(servers.directory, `${label}.log`),
    );
    return {
      label,
      url: service.url,
      processes: { service: [service.pid], engine: engine.pids, postgres: [servers.postgresPid] },
      temporal: engine.temporal,
      stop: async () => {
        await service.stop();
        await engine.stop();
      },
    };
  } catch (error) {
    await engine.stop();
    throw error;
  }
}

/** What a contender has beside its service and PostgreSQL. */
interface Engine extends Pick<Contender, 'temporal' | 'stop'> {
  env: Record<string, string>;
  pids: number[];
}

async function startEngine(
  label: string,
  name: ContenderName,
  { temporal, directory }: Servers,
): Promise<Engine> {
  const { engine } = DEFINITIONS[name];
  if (engine === null) return { env: {}, pids: [], temporal: null, stop: () => Promise.resolve() };
  if (engine === 'restate') {
    const { pid, ingressUrl, adminUrl, stop } = await startRestateServer(directory);
    const env = { RESTATE_INGRESS_URL: ingressUrl, RESTATE_ADMIN_URL: adminUrl };
    return { env, pids: [pid], temporal: null, stop };
  }
  const server = temporal[engine];
  if (!server) throw new Error(`no Temporal server on ${engine} was started`);
  return {
    env: { TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: label },
    pids: server.pids,
    temporal: { address: server.address, namespace: label },
    stop: () => Promise.resolve(), // it is shared
  };
}
