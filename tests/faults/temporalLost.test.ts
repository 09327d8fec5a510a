import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Pool } from 'pg';
import { eventually } from '../support/eventually';
import { startCluster, type Cluster } from './support/cluster';
import { playNamespace, Sender, type SentSync } from './support/load';
import { SEARCH_ATTRIBUTES } from './support/mischief';
import { judge, waitUntilQuiet } from './support/oracle';
import { Random } from './support/random';

const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 1);
const SEED = Number(process.env['FAULT_SEED'] ?? 1);
const NAMESPACES = 4;
const SYNCS = 3;

let cluster: Cluster;
let sent = 0;
beforeAll(async () => (cluster = await startCluster()), 120_000);
afterAll(async () => {
  await cluster.stop();
  process.stderr.write(`temporalLost: ${sent} syncs, none lost, seed ${SEED}\n`);
}, 60_000);

const named = (names: readonly string[]) => names.flatMap((name) => ['--name', name]);
const remove = (...names: string[]) =>
  cluster.temporal.operate('search-attribute', 'remove', '--yes', ...named(names));
const replace = (name: string, type: string) =>
  eventually(async () => {
    await remove(name);
    return cluster.temporal.operate('search-attribute', 'create', '--name', name, '--type', type);
  }, `${name} is of type ${type}`);

/** What Temporal loses, and how that ends. */
interface Loss {
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
}

const LOSSES: Record<string, Loss> = {
  'all of its data': {
    begin: async () => {
      await cluster.temporal.stop();
      await cluster.temporal.wipe();
    },
    end: () => cluster.temporal.start(),
  },
  'our search attributes': {
    begin: () => remove(...SEARCH_ATTRIBUTES),
    end: () => Promise.resolve(), // the service makes them again
  },
  'the types of our search attributes': {
    begin: () => Promise.all([replace('SyncId', 'Keyword'), replace('ProvisionOutcome', 'Int')]),
    end: () => remove('SyncId', 'ProvisionOutcome'),
  },
  'its namespace': {
    begin: () => cluster.temporal.operate('namespace', 'delete', '--yes'),
    end: () => cluster.temporal.operate('namespace', 'create', '--retention', '24h'),
  },
};

/** How the parts are stopped while it is lost; both come back by themselves. */
const STOPS = {
  stopped: () => [cluster.api, cluster.worker].forEach((part) => part.restart()),
  killed: () => [cluster.api, cluster.worker].forEach((part) => part.kill()),
};

async function newNamespaces(): Promise<string[]> {
  const pool = new Pool({ connectionString: cluster.databaseUrl() });
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO namespaces (name, path, type, organization_id)
     SELECT 'Lost ' || n, 'lost-' || n || '-' || gen_random_uuid(), 'Group', 1 FROM generate_series(1, $1) AS n
     RETURNING id`,
    [NAMESPACES],
  );
  await pool.end();
  return rows.map(({ id }) => id);
}

describe.each(Array.from({ length: ROUNDS }, (_, index) => SEED + index))('seed %i', (seed) => {
  test.each(Object.keys(LOSSES).flatMap((loss) => Object.keys(STOPS).map((stop) => [loss, stop] as const)))(
    'Temporal loses %s under load, and the parts are %s meanwhile: no sync is lost',
    async (lossName, stopName) => {
      const random = new Random(seed);
      const issuer = `http://127.0.0.1:${cluster.ways['client-api'].target.port}`;
      const sender = await Sender.to(cluster, issuer, random);
      const own: SentSync[] = [];
      let isOver = false;
      const play = async (id: string, index: number) => {
        const chance = new Random(seed * 1000 + index);
        for (let first = 1; !isOver; first += SYNCS + 1) {
          own.push(...(await playNamespace(sender, id, first, SYNCS, chance)));
        }
      };
      const played = Promise.all((await newNamespaces()).map(play)).finally(() => (isOver = true));
      played.catch(() => undefined); // awaited below
      await eventually(async () => own.length > 0, 'some syncs are answered', 60_000);

      const loss = LOSSES[lossName] as Loss;
      await loss.begin();
      await sleep(random.between(0, 1500));
      STOPS[stopName as keyof typeof STOPS]();
      await sleep(random.between(0, 1500));
      await loss.end();

      await eventually(async () => cluster.api.isUp && cluster.worker.isUp, 'API and worker are up', 90_000);
      const before = own.length;
      await eventually(async () => own.length > before, 'syncs are answered again', 120_000).catch(
        async (error: unknown) => {
          throw new Error(`${String(error)}\n${await cluster.describe()}`);
        },
      );
      isOver = true;
      await played;
      sent += own.length;
      await waitUntilQuiet(cluster);
      expect(await judge(cluster.databaseUrl(), own)).toEqual([]);
    },
    300_000,
  );
});
