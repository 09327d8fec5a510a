import path from 'node:path';
import { nodeArguments, startService } from './processes';
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

/** How each contender is started, in the order of the table. */
const STARTERS = {
  product: (servers) => start(servers, 'product', [PRODUCT, 'start', '--only', 'api,worker'], true),
  naive: (servers) => start(servers, 'naive', nodeArguments('peers/naive.ts'), true),
  dbos: (servers) => start(servers, 'dbos', nodeArguments('peers/dbos.ts'), false),
  express: (servers) => start(servers, 'express', nodeArguments('peers/express.ts'), false),
  graphile: (servers) => start(servers, 'graphile', nodeArguments('peers/graphile.ts'), false),
} satisfies Record<string, (servers: Servers) => Promise<Omit<Contender, 'name'>>>;

export type ContenderName = keyof typeof STARTERS;
export const CONTENDERS = Object.keys(STARTERS) as ContenderName[];

const PRODUCT = path.join(__dirname, '../dist/cli/main.js');

/** Starts a contender on a database of its own. */
export async function startContender(name: ContenderName, servers: Servers): Promise<Contender> {
  return { name, ...(await STARTERS[name](servers)) };
}

async function start(
  servers: Servers,
  name: string,
  args: string[],
  usesTemporal: boolean,
): Promise<Omit<Contender, 'name'>> {
  const env = {
    GITLAB_DATABASE_URL: await servers.createDatabase(name),
    SUBSCRIPTION_PORTAL_URL: servers.issuerUrl,
    PORT: '0',
    DATA_DIR: path.join(servers.directory, name),
    ...(usesTemporal && { TEMPORAL_ADDRESS: servers.temporal.address, TEMPORAL_NAMESPACE: name }),
  };
  const { pid, url, stop } = await startService(args, env, path.join(servers.directory, `${name}.log`));
  return {
    url,
    processes: {
      service: [pid],
      engine: usesTemporal ? [servers.temporal.pid] : [],
      postgres: [servers.postgresPid],
    },
    temporalNamespace: usesTemporal ? name : null,
    stop,
  };
}
