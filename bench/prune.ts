import { createPool } from '../src/db/pool';
import { PRUNABLE } from '../src/db/prunable';
import { pruneTable } from '../src/db/prune';
import { renderTable } from '../src/cli/table';
import { execute, startServers } from './servers';
import { percentile } from './statistics';

/** What pruning cost, and what a writer of the ledger saw of it. Times in milliseconds. */
export interface PruneSample {
  table: string;
  what: string;
  rows: number;
  pruned: number;
  seconds: number;
  /** Of the table with its indexes. */
  gigabytes: number;
  writes: { p50: number; p99: number };
}

const RUNS_OF_A_NAMESPACE = 10;
const CHUNK = 100_000;

/**
 * Fills a ledger with so many rows, four of each run and ten runs of each namespace, evenly over 800 days, and an outbox
 * with two rows of each run. Then prunes what is older than 400 days, twice: the second time there is only what stays.
 */
export async function prune(rows: number): Promise<PruneSample[]> {
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const servers = await startServers({});
  try {
    const url = await servers.createDatabase('prune');
    const runs = rows / 4;
    for (let run = 0; run < runs; run += CHUNK) {
      say(`filling: ${run * 4} rows`);
      await execute(url, ...fill(run, Math.min(runs, run + CHUNK), runs));
    }
    await execute(url, 'VACUUM ANALYZE provisioning.ledger, provisioning.outbox', 'CHECKPOINT');
    const pool = createPool({ url, applicationName: 'bench', max: 4, onError: () => undefined });
    const samples: PruneSample[] = [];
    const idle = await latencies(pool, async () => new Promise((done) => setTimeout(done, 10_000)));
    for (const what of ['first', 'again']) {
      for (const table of PRUNABLE) {
        say(`pruning ${table.name}, ${what}`);
        const size = await sizeOf(pool, table.name);
        const options = { keepFor: '400 days', isDryRun: false, stopping: new AbortController().signal };
        const begun = performance.now();
        let pruned = 0;
        const writes = await latencies(pool, async () => {
          pruned = await pruneTable(pool, table, {
            ...options,
            onProgress: (gone) => say(`${gone} rows gone`),
          });
        });
        const seconds = (performance.now() - begun) / 1_000;
        samples.push({ table: table.name, what, ...size, pruned, seconds, writes });
      }
      await execute(url, 'VACUUM ANALYZE provisioning.ledger, provisioning.outbox');
    }
    await pool.end();
    return [
      { table: 'none', what: 'at rest', rows: 0, pruned: 0, seconds: 10, gigabytes: 0, writes: idle },
      ...samples,
    ];
  } finally {
    await servers.stop();
  }
}

const IMAGE = `[{"section":"base_product","table":"gitlab_subscriptions","key":{"id":"1"},"values":{"seats":10,
  "trial":false,"end_date":"2027-01-01","start_date":"2026-01-01","auto_renew":true,"updated_at":"2026-01-01 00:00:00+00",
  "max_seats_used":0,"hosted_plan_id":"4","hosted_plan_name_uid":5,"contract_overages_allowed":true}}]`;
const ADMISSION = `{"outcome":"admitted","input":{"policy":"compensate","provision":{"base_product":{"seats":10,
  "end_date":"2027-01-01","plan_code":"premium","start_date":"2026-01-01"},"storage":
  {"additional_purchased_storage_size":10240}}}}`;

/** Rows of the runs from one number to another, in the order in which they would have been written. */
function fill(from: number, to: number, runs: number): string[] {
  const namespaces = Math.ceil(runs / RUNS_OF_A_NAMESPACE);
  const run = `
    FROM (
      SELECT n, 1 + n % ${namespaces} AS namespace_id, 1 + n / ${namespaces} AS sync_id, md5(n::text)::uuid::text AS run_id,
        now() - interval '800 days' * (1 - n::float8 / ${runs}) AS at
      FROM generate_series(${from}, ${to - 1}) AS n
    ) AS run`;
  return [
    `INSERT INTO provisioning.ledger (namespace_id, sync_id, workflow_id, run_id, step, attempt, correlation_id, before,
       after, result, outbox_ids, created_at)
     SELECT namespace_id, sync_id, 'provision:' || namespace_id, run_id, step, 1, run_id,
       CASE WHEN step LIKE 'u%' THEN '${IMAGE}'::jsonb ELSE '[]' END, CASE WHEN step LIKE 'u%' THEN '${IMAGE}'::jsonb ELSE '[]' END,
       CASE step WHEN 'admitSync' THEN '${ADMISSION}' ELSE '{"status":"success"}' END::jsonb, '{1,2}', at
     ${run}, unnest('{admitSync,updateSubscription,updateNamespaceLimits,recordOutcome}'::text[]) AS step ORDER BY n`,
    `INSERT INTO provisioning.outbox (namespace_id, event, payload, workflow_id, run_id, created_at, released_at)
     SELECT namespace_id, event, '{"namespace_id":"1"}', 'provision:' || namespace_id, run_id, at, at
     ${run}, unnest('{index_namespace,enable_code_review_flow}'::text[]) AS event ORDER BY n`,
    `INSERT INTO provisioning.fences (namespace_id, sync_id, workflow_id, run_id, chain_id, updated_at)
     SELECT namespace_id, sync_id, 'provision:' || namespace_id, run_id, run_id, at ${run}
     WHERE n >= ${runs - namespaces}`,
  ];
}

type Pool = ReturnType<typeof createPool>;

async function sizeOf(pool: Pool, table: string): Promise<{ rows: number; gigabytes: number }> {
  const { rows } = await pool.query<{ rows: string; bytes: string }>(
    'SELECT reltuples::bigint AS rows, pg_total_relation_size(oid) AS bytes FROM pg_class WHERE oid = $1::regclass',
    [table],
  );
  return { rows: Number(rows[0]?.rows), gigabytes: Number(rows[0]?.bytes) / 1e9 };
}

/** How long a row of the ledger takes to be written and committed, while `work` goes on. */
async function latencies(pool: Pool, work: () => Promise<void>): Promise<PruneSample['writes']> {
  let isOver = false;
  const times: number[] = [];
  const write = async () => {
    while (!isOver) {
      const begun = performance.now();
      await pool.query(
        `INSERT INTO provisioning.ledger (namespace_id, workflow_id, run_id, step, attempt, before, after, result,
           outbox_ids, created_at)
         VALUES (0, 'bench', gen_random_uuid(), 'updateSubscription', 1, '[]', '[]', '{}', '{}', now())`,
      );
      times.push(performance.now() - begun);
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  const writing = write();
  await work();
  isOver = true;
  await writing;
  times.sort((a, b) => a - b);
  return { p50: percentile(times, 50), p99: percentile(times, 99) };
}

/** The samples as a table. */
export function pruneTableOf(samples: PruneSample[]): string {
  const rows = samples.map(({ table, what, rows, pruned, seconds, gigabytes, writes }) =>
    [
      table,
      what,
      String(rows),
      gigabytes.toFixed(1),
      String(pruned),
      seconds.toFixed(0),
      ...[writes.p50, writes.p99].map((ms) => ms.toFixed(1)),
    ].map((text) => ({ text })),
  );
  const header = ['table', 'pruned', 'rows', 'GB', 'rows gone', 'seconds', 'write p50 ms', 'write p99 ms'];
  return renderTable(header, rows, process.stdout.isTTY).join('\n');
}
