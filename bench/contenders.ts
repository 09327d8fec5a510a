import path from 'node:path';
import { nodeArguments, startService } from './processes';
import { startRestateServer } from './restateServer';
import type { Servers } from './servers';

/** A contender that is up. */
export interface Contender {
  name: ContenderName;
  url: string;
  /** Its processes, by what they do; PostgreSQL's are all that there are, so contenders are measured one at a time. */
  processes: { service: number[]; engine: number[]; postgres: number[] };
  /** Where its runs can be looked up; null: it has no Temporal. */
  temporalNamespace: string | null;
  stop(): Promise<void>;
}

const PRODUCT = path.join(__dirname, '../dist/cli/main.js');

/** How each contender is started, in the order of the table. */
const STARTERS = {
  product: (servers) => withTemporal(servers, 'product', [PRODUCT, 'start', '--only', 'api,worker']),
  naive: (servers) => withTemporal(servers, 'naive', nodeArguments('peers/naive.ts')),
  dbos: (servers) => start(servers, 'dbos', nodeArguments('peers/dbos.ts')),
  restate: withRestate,
  express: (servers) => start(servers, 'express', nodeArguments('peers/express.ts')),
  graphile: (servers) => start(servers, 'graphile', nodeArguments('peers/graphile.ts')),
} satisfies Record<string, (servers: Servers) => Promise<Omit<Contender, 'name'>>>;

export type ContenderName = keyof typeof STARTERS;
export const CONTENDERS = Object.keys(STARTERS) as ContenderName[];

/** Starts a contender on a database of its own. */
export async function startContender(name: ContenderName, servers: Servers): Promise<Contender> {
  return { name, ...(await STARTERS[name](servers)) };
}

async function withTemporal(servers: Servers, name: string, args: string[]) {
  const { address, pid } = servers.temporal;
  const started = await start(servers, name, args, { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: name });
  return { ...started, temporalNamespace: name, processes: { ...started.processes, engine: [pid] } };
}

async function withRestate(servers: Servers) {
  const restate = await startRestateServer(servers.directory);
  try {
    const env = { RESTATE_INGRESS_URL: restate.ingressUrl, RESTATE_ADMIN_URL: restate.adminUrl };
    const started = await start(servers, 'restate', nodeArguments('peers/restate.ts'), env);
    const stop = async () => {
      await started.stop();
      await restate.stop();
    };
    return { ...started, processes: { ...started.processes, engine: [restate.pid] }, stop };
  } catch (error) {
    await restate.stop();
    throw error;
  }
}

async function start(
  servers: Servers,
  name: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Omit<Contender, 'name'>> {
  const { pid, url, stop } = await startService(
    args,
    {
      GITLAB_DATABASE_URL: await servers.createDatabase(name),
      SUBSCRIPTION_PORTAL_URL: servers.issuerUrl,
      PORT: '0',
      DATA_DIR: path.join(servers.directory, name),
      ...env,
    },
    path.join(servers.directory, `${name}.log`),
  );
  return {
    url,
    processes: { service: [pid], engine: [], postgres: [servers.postgresPid] },
    temporalNamespace: null,
    stop,
  };
}
