import { lookedUpGauges } from './lookedUp';
import type { Metrics } from './metrics';

/** They grow slowly. */
const KEEP_MS = 60_000;

type Sizes = Record<string, { rows: number; bytes: number }>;

/**
 * Shows how large the tables are that grow with each sync. They are those of the database: each process on it shows the
 * same.
 * @param prefix of the names: one process may show those of two databases
 */
export function observeTableSizes(
  { registry }: Pick<Metrics, 'registry'>,
  prefix: 'provisioner' | 'provisioner_customers_dot',
  look: () => Promise<Sizes>,
): void {
  const of = (what: 'rows' | 'bytes') => (sizes: Sizes) =>
    Object.fromEntries(Object.entries(sizes).map(([table, size]) => [table, size[what]]));
  const gauges = [
    {
      name: `${prefix}_table_rows`,
      help: 'Rows of a table that grows with each sync, as PostgreSQL estimates them',
      label: 'table',
      valueOf: of('rows'),
    },
    {
      name: `${prefix}_table_bytes`,
      help: 'Bytes on the disk of a table that grows with each sync, its indexes included',
      label: 'table',
      valueOf: of('bytes'),
    },
  ];
  lookedUpGauges(registry, look, gauges, KEEP_MS);
}
