import { renderTable } from '../src/cli/table';
import { withBench } from './bench';
import { entry } from './contenders';
import { NAMESPACES } from './load/syncs';
import type { Measurement } from './measure';
import { execute } from './servers';
import { warmUp } from './warmUp';

/** The cost of a sync with so many rows in the ledger. */
export interface LedgerSample extends Measurement {
  rows: number;
}

const SIZES = [10_000, 100_000, 1_000_000, 2_000_000];

/**
 * What a sync costs while the ledger grows. Rows like those of earlier syncs are put in for the same namespaces, so
 * that its indexes are as deep as they would be; the other tables of the schema grow with it.
 */
export async function ledger(seconds: number): Promise<LedgerSample[]> {
  const samples: LedgerSample[] = [];
  await withBench([entry('product')], async ({ contenders: [product], generator, servers, say }) => {
    if (!product) return;
    await warmUp(generator, product);
    let filled = 0;
    for (const rows of SIZES) {
      say(`filling the ledger up to ${rows} rows`);
      // Then what autovacuum and the checkpointer would do, lest they do it while we measure.
      const statements = [fill(filled, rows), 'VACUUM ANALYZE provisioning.ledger', 'CHECKPOINT'];
      await execute(servers.databaseUrl(product.label), ...statements);
      filled = rows;
      const measured = await generator.measure(product, { callers: 1 }, { seconds });
      samples.push({ rows, ...measured });
    }
  });
  return samples;
}

/** Copies of the newest sync's rows under made-up runs, from row `from` to row `to`. */
function fill(from: number, to: number): string {
  return `
    INSERT INTO provisioning.ledger
      (namespace_id, sync_id, workflow_id, run_id, step, attempt, before, after, result, outbox_ids, created_at)
    SELECT ${NAMESPACES.first} + n % ${NAMESPACES.count}, 1, 'provision:' || ${NAMESPACES.first} + n % ${NAMESPACES.count},
      gen_random_uuid(), step, 1, before, after, result, outbox_ids, created_at
    FROM generate_series(1, ${to - from}) AS n
    JOIN (
      SELECT *, row_number() OVER (ORDER BY id DESC) AS place FROM provisioning.ledger ORDER BY id DESC LIMIT 4
    ) AS sample
      ON sample.place = 1 + n % 4`;
}

/** The samples as a table. */
export function ledgerTable(samples: LedgerSample[]): string {
  const rows = samples.map(({ rows, p50, p95, p99, cpu }) =>
    [String(rows), ...[p50, p95, p99, cpu.service, cpu.engine, cpu.postgres].map((ms) => ms.toFixed(1))].map(
      (text) => ({ text }),
    ),
  );
  const header = ['ledger rows', 'p50 ms', 'p95', 'p99', 'CPU service', 'engine', 'postgres'];
  return renderTable(header, rows, process.stdout.isTTY).join('\n');
}
