import type { ComputeMinutesState, StorageState } from '../domain/limits';
import { inOrderOf, mapped, prepared, type Statement } from './statement';

const FIND_LIMITS = prepared(
  'find_namespace_limits',
  `SELECT namespace_id, additional_purchased_storage_size, additional_purchased_storage_ends_on
   FROM namespace_limits WHERE namespace_id = ANY ($1::bigint[]) ORDER BY namespace_id FOR NO KEY UPDATE`,
  (rows: (NonNullable<StorageState['row']> & { namespace_id: string })[]) => rows,
);

/** The rows of `namespace_limits`, locked (contract 4.2). @returns in the order of the namespaces */
export function findNamespaceLimits(namespaceIds: readonly string[]): Statement<StorageState[]> {
  return mapped(FIND_LIMITS(namespaceIds), (rows) =>
    inOrderOf(namespaceIds, rows, (row) => row.namespace_id).map((row, index) => ({
      namespace_id: namespaceIds[index] as string,
      row: row ?? null,
    })),
  );
}

type MinutesRow = ComputeMinutesState['namespace'] & Pick<ComputeMinutesState, 'monthlyUsages'>;

function minutesOf(rows: MinutesRow[]): ComputeMinutesState[] {
  return rows.map(({ monthlyUsages, ...namespace }) => ({ namespace, monthlyUsages }));
}

// All rows are locked. The month is that of the transaction, in UTC.
const NAMESPACE = `
  SELECT id, shared_runners_minutes_limit, extra_shared_runners_minutes_limit, last_ci_minutes_notification_at,
    last_ci_minutes_usage_notification_level`;
const LOCKED = `FROM namespaces WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE OF namespaces`;
const FIND_MINUTES = prepared(
  'find_compute_minutes',
  `${NAMESPACE}, (
    SELECT coalesce(pg_catalog.jsonb_agg(month ORDER BY month.id::bigint), '[]') FROM (
      SELECT id::text AS id, notification_level FROM ci_namespace_monthly_usages
      WHERE namespace_id = namespaces.id AND date = pg_catalog.date_trunc('month', current_date)::date
      FOR NO KEY UPDATE
    ) AS month
  ) AS "monthlyUsages" ${LOCKED}`,
  minutesOf,
);
const FIND_MINUTES_ALONE = prepared(
  'find_compute_minutes_alone',
  `${NAMESPACE}, NULL::jsonb AS "monthlyUsages" ${LOCKED}`,
  minutesOf,
);

/**
 * The compute minutes of namespaces and this month's usage rows; locked (contract 4.3).
 * @param hasCi false: the usages are in another database (contract 7)
 * @returns in the order of the namespaces; undefined for one that does not exist
 */
export function findComputeMinutes(
  namespaceIds: readonly string[],
  hasCi: boolean,
): Statement<(ComputeMinutesState | undefined)[]> {
  const find = hasCi ? FIND_MINUTES : FIND_MINUTES_ALONE;
  return mapped(find(namespaceIds), (rows) => inOrderOf(namespaceIds, rows, (row) => row.namespace.id));
}
