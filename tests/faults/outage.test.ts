import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Pool } from 'pg';
import { eventually } from '../support/eventually';
import { startCluster, type Cluster } from './support/cluster';
import { Sender } from './support/load';
import { Random } from './support/random';

let cluster: Cluster;
let sender: Sender;
beforeAll(async () => {
  cluster = await startCluster();
  const issuer = `http://127.0.0.1:${cluster.ways['client-api'].target.port}`;
  sender = await Sender.to(cluster, issuer, new Random(1));
}, 120_000);
afterAll(() => cluster.stop(), 60_000);

interface Readiness {
  status: number;
  checks: Record<string, string>;
}

async function readiness(): Promise<Readiness> {
  const answer = await fetch(`${cluster.apiUrl}/-/readiness`, { signal: AbortSignal.timeout(5_000) });
  const { checks } = (await answer.json()) as { checks: Record<string, string> };
  return { status: answer.status, checks };
}

const ready = () => eventually(async () => (await readiness()).status === 200, 'the API is ready');

/** The demo group, which the embedded database comes with. */
const DEMO = '1000';
let syncId = 0;
const sync = () => sender.send(DEMO, (syncId += 1), true);

describe('readiness tells the truth, and the service recovers without being restarted', () => {
  test.each([
    ['PostgreSQL is stopped', 'gitlab_database', 'postgres', 'stop'],
    ['PostgreSQL is killed', 'gitlab_database', 'postgres', 'kill'],
    ['Temporal is stopped', 'temporal', 'temporal', 'stop'],
    ['Temporal is killed', 'temporal', 'temporal', 'kill'],
  ] as const)(
    '%s',
    async (_name, check, server, end) => {
      await ready();
      await sync();
      await cluster[server][end]();
      const down = await eventually(async () => {
        const now = await readiness();
        return now.status === 503 && now;
      }, 'readiness is 503');
      expect(down.checks).toMatchObject({ [check]: 'failed' });
      const meanwhile = sync();
      await cluster[server].start();
      await ready();
      expect((await meanwhile).status).toBe(200);
    },
    90_000,
  );

  test.each([
    ['PostgreSQL', 'gitlab_database', 'api-postgres'],
    ['Temporal', 'temporal', 'api-temporal'],
  ] as const)(
    'the network to %s is half-open: no request hangs, and it goes on when the way is clear',
    async (_name, check, way) => {
      await ready();
      cluster.ways[way].stall();
      const down = await eventually(async () => {
        const now = await readiness();
        return now.status === 503 && now;
      }, 'readiness is 503');
      expect(down.checks).toMatchObject({ [check]: 'failed' });
      const meanwhile = sync();
      await eventually(async () => (await readiness()).status === 503, 'still not ready');
      cluster.ways[way].resume();
      await ready();
      const answer = await meanwhile;
      expect(answer.status).toBe(200);
      expect(answer.slowestMs).toBeLessThan(14_000); // the wait of 10 s, and a loaded machine
    },
    90_000,
  );

  test('no connection is leaked by all this', async () => {
    await ready();
    await sync();
    const pool = new Pool({ connectionString: cluster.databaseUrl(), max: 1 });
    await eventually(async () => {
      const { rows } = await pool.query<{ open: number; busy: number }>(
        `SELECT count(*)::int AS open, count(*) FILTER (WHERE state <> 'idle')::int AS busy
         FROM pg_stat_activity WHERE application_name LIKE 'provisioner%'`,
      );
      const { open, busy } = rows[0] ?? { open: 0, busy: 1 };
      return open <= 2 * POOL_SIZE && busy === 0;
    }, 'every connection is idle and the pools are not exceeded');
    await pool.end();
  });
});

/** Connections of one process at most. */
const POOL_SIZE = 20;
