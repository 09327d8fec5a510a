import type { AuditedChange } from '../../db/auditRuns';
import type { Table } from '../../domain/plan';

/** A change of a number. Null: there was no row, or no limit. */
interface Point {
  /** As PostgreSQL prints it, in UTC. */
  at: string;
  from: number | null;
  to: number | null;
  /** What changed it. */
  cause: string;
}

/** How one number of a namespace went over time, the oldest change first; there is one at least. */
export interface Series {
  title: string;
  points: [Point, ...Point[]];
}

const COLUMNS: { title: string; table: Table; column: string }[] = [
  { title: 'Seats', table: 'gitlab_subscriptions', column: 'seats' },
  { title: 'Minutes a month', table: 'namespaces', column: 'shared_runners_minutes_limit' },
  { title: 'Purchased minutes', table: 'namespaces', column: 'extra_shared_runners_minutes_limit' },
  { title: 'Storage, MiB', table: 'namespace_limits', column: 'additional_purchased_storage_size' },
];

/** Reads the numbers that syncs have set, and that their undoing has put back. Those that never changed are left out. */
export function seriesOf(changes: AuditedChange[]): Series[] {
  return COLUMNS.flatMap(({ title, table, column }) => {
    const points = changes.flatMap((change) => pointsOf(change, table, column));
    const [first, ...more] = points.sort((one, other) => (one.at < other.at ? -1 : 1));
    return first ? [{ title, points: [first, ...more] }] : [];
  });
}

function pointsOf(
  { changes, at, syncId, undoneAt, undo }: AuditedChange,
  table: Table,
  column: string,
): Point[] {
  const cause = syncId === null ? 'sync without id' : `sync ${syncId}`;
  return changes.flatMap(({ before, after, ...row }) => {
    if (row.table !== table || after?.[column] === undefined) return [];
    const from = numberOf(before?.[column]);
    const to = numberOf(after[column]);
    if (from === to) return [];
    const isRestored = undo?.restored.some((other) => other.table === table && other.key === row.key);
    const undone =
      undoneAt !== null && isRestored ? [{ at: undoneAt, from: to, to: from, cause: `${cause} undone` }] : [];
    return [{ at, from, to, cause }, ...undone];
  });
}

function numberOf(value: string | number | boolean | null | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}
