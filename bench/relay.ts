import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { renderTable } from '../src/cli/table';
import { createPool } from '../src/db/pool';
import { RELEASED, relayWaker } from '../src/db/relayWaker';
import { composed, nothing, prepared } from '../src/db/statement';
import { withTransaction } from '../src/db/transaction';
import { freePort, waitForPort } from '../src/local/ports';
import { cpuUsed } from './cpu';
import { nodeArguments, startService } from './processes';
import { execute, startServers } from './servers';
import { median, percentile } from './statistics';

/** What relays do with both sinks set, each event going to both of them. */
export interface RelaySample {
  relays: number;
  /** Milliseconds from release to each sink's confirmation, one run of three events at a time. */
  delayP50: number;
  delayP95: number;
  /** Deliveries a second, of both sinks together, while a backlog goes out. */
  perSecond: number;
  /** Milliseconds of CPU that each of these took, of all processes of a kind. */
  cpuMs: Record<'relay' | 'database' | 'receivers', number>;
}

/**
 * What a release costs a run, 16 at the same time: `alone`; with relays `woken` after it, as the service does it; and with
 * a NOTIFY in its own transaction, `notifying`.
 */
export type ReleaseSample = Record<Kind, { perSecond: number; msP50: number }>;

const KINDS = ['alone', 'woken', 'notifying'] as const;
type Kind = (typeof KINDS)[number];

const MAIN = path.join(__dirname, '../dist/cli/main.js');
const EVENTS = `ARRAY['index_namespace', 'refresh_user_assignments', 'enable_code_review_flow']`;
const SINGLE = 200;
const BACKLOG = { runs: 4_000, namespaces: 1_000 };

/** Runs relays on a real PostgreSQL, a real Redis and an HTTP receiver, all on this machine. */
export async function relay(seconds: number): Promise<{ samples: RelaySample[]; release: ReleaseSample }> {
  const servers = await startServers({});
  const redis = await startRedis();
  const receiver = await startService(process.execPath, nodeArguments('relayReceiver.ts'), {}, '/dev/null');
  try {
    const samples: RelaySample[] = [];
    for (const relays of [1, 2]) {
      const url = await servers.createDatabase(`relay_${relays}`);
      const env = {
        GITLAB_DATABASE_URL: url,
        RELAY_PORT: '0',
        OUTBOX_SIDEKIQ_REDIS_URL: redis.url,
        OUTBOX_WEBHOOK_URL: receiver.url,
        OUTBOX_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 'x').toString('base64')}`,
        LOG_LEVEL: 'warn',
      };
      const running = [];
      for (let n = 0; n < relays; n += 1) {
        const dataDir = path.join(servers.directory, `relay_${relays}_${n}`);
        const args = [MAIN, 'start', '--only', 'relay'];
        running.push(await startService(process.execPath, args, { ...env, DATA_DIR: dataDir }, '/dev/null'));
      }
      const pids = {
        relay: running.map(({ pid }) => pid),
        database: [servers.postgresPid],
        receivers: [receiver.pid, redis.pid],
      };
      samples.push({ relays, ...(await delays(url)), ...(await backlog(url, pids)) });
      for (const process of running) await process.stop();
    }
    return { samples, release: await release(await servers.createDatabase('release'), seconds) };
  } finally {
    await receiver.stop();
    await redis.stop();
    await servers.stop();
  }
}

async function startRedis() {
  const port = await freePort(0, '127.0.0.1');
  const child = spawn('redis-server', ['--port', String(port), '--save', '', '--bind', '127.0.0.1'], {
    stdio: 'ignore',
  });
  await waitForPort('127.0.0.1', port, 10_000, () => child.exitCode === null);
  return {
    url: `redis://127.0.0.1:${port}/0`,
    pid: child.pid ?? 0,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Writes the three events of each run, unreleased. */
const write = (first: number, count: number, namespaces: number) => `
  INSERT INTO provisioning.outbox (namespace_id, event, payload, workflow_id, run_id, created_at)
  SELECT run % ${namespaces}, event, jsonb_build_object('namespace_id', run), 'w', run::text, now()
  FROM generate_series(${first}, ${first + count - 1}) AS run, unnest(${EVENTS}) AS event`;

async function delays(url: string): Promise<Pick<RelaySample, 'delayP50' | 'delayP95'>> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(write(1, SINGLE, SINGLE));
  const pool = createPool({ url, applicationName: 'bench', max: 1, onError: console.error });
  const wakeRelays = relayWaker(pool);
  for (let run = 1; run <= SINGLE; run += 1) {
    await client.query(RELEASE(String(run)));
    wakeRelays();
    await sleep(50);
  }
  await settled(client);
  const { rows } = await client.query<{ ms: string }>(
    `SELECT extract(epoch FROM d.delivered_at - released_at) * 1000 AS ms
     FROM provisioning.outbox_deliveries AS d JOIN provisioning.outbox ON id = outbox_id ORDER BY ms`,
  );
  await client.end();
  await pool.end();
  const all = rows.map(({ ms }) => Number(ms));
  return { delayP50: percentile(all, 50), delayP95: percentile(all, 95) };
}

async function backlog(
  url: string,
  pids: Record<keyof RelaySample['cpuMs'], number[]>,
): Promise<Pick<RelaySample, 'perSecond' | 'cpuMs'>> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(write(1_000_000, BACKLOG.runs, BACKLOG.namespaces));
  await client.query('VACUUM ANALYZE provisioning.outbox');
  await client.query('UPDATE provisioning.outbox SET released_at = now() WHERE released_at IS NULL');
  const before = cpuUsed(pids);
  await settled(client);
  const after = cpuUsed(pids);
  const { rows } = await client.query<{ count: string; seconds: string }>(
    `SELECT count(*) AS count, extract(epoch FROM max(d.delivered_at) - min(released_at)) AS seconds
     FROM provisioning.outbox_deliveries AS d JOIN provisioning.outbox ON id = outbox_id
     WHERE run_id::int >= 1000000`,
  );
  await client.end();
  const count = Number(rows[0]?.count);
  const spent = (kind: keyof typeof pids) => (after[kind] - before[kind]) / count;
  return {
    perSecond: count / Number(rows[0]?.seconds),
    cpuMs: { relay: spent('relay'), database: spent('database'), receivers: spent('receivers') },
  };
}

async function settled(client: Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ open: boolean }>(
      'SELECT EXISTS (SELECT FROM provisioning.outbox WHERE delivered_at IS NULL) AS open',
    );
    if (!rows[0]?.open) return;
    await sleep(100);
  }
}

/** Releases in turns, with a listener that is there all the time. */
async function release(url: string, seconds: number): Promise<ReleaseSample> {
  const listener = new Client({ connectionString: url });
  await listener.connect();
  await listener.query(`LISTEN ${RELEASED}`);
  const pool = createPool({ url, applicationName: 'bench', max: 16, onError: console.error });
  const wakeRelays = relayWaker(pool);
  const runs = 20_000;
  let next = 1;
  const measure = async (kind: Kind) => {
    await execute(url, write(next, runs, 1_000), 'VACUUM ANALYZE provisioning.outbox', 'CHECKPOINT');
    const last = next + runs;
    const until = performance.now() + seconds * 1000;
    const took: number[] = [];
    const caller = async () => {
      while (performance.now() < until && next < last) {
        const run = String(next++);
        const since = performance.now();
        await withTransaction(pool, (tx) =>
          tx.commit(RELEASE(run), ...(kind === 'notifying' ? [NOTIFY] : [])),
        );
        if (kind === 'woken') wakeRelays();
        took.push(performance.now() - since);
      }
    };
    const began = performance.now();
    await Promise.all(Array.from({ length: 16 }, caller));
    next = last;
    return { perSecond: took.length / ((performance.now() - began) / 1000), msP50: median(took) };
  };
  const rounds: ReleaseSample[] = [];
  for (let round = 0; round < 3; round += 1) {
    rounds.push({
      alone: await measure('alone'),
      woken: await measure('woken'),
      notifying: await measure('notifying'),
    });
  }
  await pool.end();
  await listener.end();
  const of = (kind: Kind) => ({
    perSecond: median(rounds.map((round) => round[kind].perSecond)),
    msP50: median(rounds.map((round) => round[kind].msP50)),
  });
  return { alone: of('alone'), woken: of('woken'), notifying: of('notifying') };
}

const RELEASE = prepared(
  'bench_release',
  'UPDATE provisioning.outbox SET released_at = now() WHERE run_id = $1 AND released_at IS NULL',
  nothing,
);
const NOTIFY = composed(`SELECT pg_notify('${RELEASED}', '')`, [], nothing);

/** Both as tables. */
export function relayTable({ samples, release }: Awaited<ReturnType<typeof relay>>): string {
  const cells = (texts: string[]) => texts.map((text) => ({ text }));
  const relays = samples.map(({ relays, delayP50, delayP95, perSecond, cpuMs }) =>
    cells([
      ...[String(relays), delayP50.toFixed(1), delayP95.toFixed(1), perSecond.toFixed(0)],
      ...[cpuMs.relay, cpuMs.database, cpuMs.receivers].map((ms) => ms.toFixed(2)),
    ]),
  );
  const releases = KINDS.map((kind) =>
    cells([kind, release[kind].perSecond.toFixed(0), release[kind].msP50.toFixed(1)]),
  );
  return [
    ...renderTable(
      ['RELAYS', 'DELAY P50 MS', 'P95', 'DELIVERIES/S', 'CPU MS RELAY', 'DATABASE', 'RECEIVERS'],
      relays,
      false,
    ),
    '',
    ...renderTable(['RELEASES', 'A SECOND', 'P50 MS'], releases, false),
  ].join('\n');
}
