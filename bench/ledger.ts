import { renderTable } from '../src/cli/table';
import { withBench } from './bench';
import { entry, type Contender } from './contenders';
import { NAMESPACES } from './load/syncs';
import { medians, type Measurement } from './measure';
import { execute } from './servers';
import { warmUp } from './warmUp';

/** The cost of a sync with so many rows in the ledger, beside that of a service whose ledger stays small. */
export interface LedgerSample {
  rows: number;
  grown: Measurement;
  small: Measurement;
}

const ROUNDS = 3;
const SIZES = [10_000, 1_000_000, 10_000_000];

/**
 * What a sync costs while the ledger grows. Rows like those of earlier syncs are put in for the same namespaces, so
 * that its indexes are as deep as they would be. A second service with a ledger of its own that is not filled is
 * measured in turns with it: what disturbs the machine meets both.
 */
export async function ledger(seconds: number): Promise<LedgerSample[]> {
  const samples: LedgerSample[] = [];
  const entries = ['product', 'product-small'].map((label) => ({ ...entry('product'), label }));
  await withBench(entries, async ({ contenders: [product, small], generator, servers, say }) => {
    if (!product || !small) return;
    await warmUp(generator, product);
    await warmUp(generator, small);
    let filled = 0;
    for (const rows of SIZES) {
      say(`filling the ledger up to ${rows} rows`);
      // Then what autovacuum and the checkpointer would do, lest they do it while we measure.
      const statements = [fill(filled, rows), 'VACUUM ANALYZE provisioning.ledger', 'CHECKPOINT'];
      await execute(servers.databaseUrl(product.label), ...statements);
      filled = rows;
      const rounds: Omit<LedgerSample, 'rows'>[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const measure = (contender: Contender) => generator.measure(contender, { callers: 1 }, { seconds });
        rounds.push({ grown: await measure(product), small: await measure(small) });
      }
      samples.push({
        rows,
        grown: medians(rounds.map(({ grown }) => grown)),
        small: medians(rounds.map(({ small }) => small)),
      });
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
  const rows = samples.map(({ rows, grown, small }) =>
    [
      String(rows),
      ...[grown.p50, small.p50].map((ms) => ms.toFixed(1)),
      (grown.p50 / small.p50).toFixed(2),
      ...[grown.cpu.postgres, small.cpu.postgres].map((ms) => ms.toFixed(1)),
    ].map((text) => ({ text })),
  );
  const header = ['ledger rows', 'p50 ms', 'small ledger', 'ratio', 'CPU postgres', 'small ledger'];
  return renderTable(header, rows, process.stdout.isTTY).join('\n');
}
