import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Pool } from 'pg';
import { startCluster, type Cluster } from './support/cluster';
import { playNamespace, Sender, type SentSync } from './support/load';
import { makeMischief } from './support/mischief';
import { judge, waitUntilQuiet } from './support/oracle';
import { Random } from './support/random';

const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 1);
const SEED = Number(process.env['FAULT_SEED'] ?? 1);
const NAMESPACES = 6;
const SYNCS = 7;

let cluster: Cluster;
let namespaceIds: string[];
const sent: SentSync[] = [];

beforeAll(async () => {
  cluster = await startCluster();
  const pool = new Pool({ connectionString: cluster.databaseUrl() });
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO namespaces (name, path, type, organization_id)
     SELECT 'Group ' || n, 'group-' || n, 'Group', 1 FROM generate_series(1, $1) AS n RETURNING id`,
    [NAMESPACES],
  );
  namespaceIds = rows.map(({ id }) => id);
  await pool.end();
}, 120_000);

afterAll(async () => {
  await cluster.stop();
  process.stderr.write(
    `faults: ${cluster.api.kills + cluster.worker.kills} kills, ${sent.length} syncs, seed ${SEED}\n`,
  );
}, 60_000);

test.each(Array.from({ length: ROUNDS }, (_, index) => SEED + index))(
  'whatever dies, every sync has its answer and its effect once, all or nothing, the newest last (seed %i)',
  async (seed) => {
    const random = new Random(seed);
    const issuer = `http://127.0.0.1:${cluster.ways['client-api'].target.port}`;
    const sender = await Sender.to(cluster, issuer, random);
    const firstSyncId = 1 + (seed - SEED) * 2 * SYNCS;
    let isOver = false;
    const mischief = makeMischief(cluster, random, () => isOver);
    const played = Promise.all(
      namespaceIds.map((id, index) =>
        playNamespace(sender, id, firstSyncId, SYNCS, new Random(seed * 1000 + index)),
      ),
    ).finally(() => (isOver = true));
    const [done, given] = await Promise.allSettled([mischief, played]);
    if (done.status === 'rejected') throw done.reason;
    const faults = done.value;
    if (given.status === 'rejected') {
      throw new Error(`${String(given.reason)}\nafter ${faults.join(', ')}\n${await cluster.describe()}`);
    }
    const answers = given.value;
    sent.push(...answers.flat());
    await waitUntilQuiet(cluster);
    const verdict = await judge(cluster.databaseUrl(), sent);
    // The faults say what happened before; the seed repeats them.
    expect({ verdict, faults: verdict.length > 0 ? faults : [] }).toEqual({ verdict: [], faults: [] });
    const slowest = Math.max(...answers.flat().map(({ slowestMs }) => slowestMs));
    expect(slowest).toBeLessThan(16_000);
  },
  240_000,
);
