import type { ComputeMinutesState } from '../domain/computeMinutes';
import type { StorageState } from '../domain/storage';
import type { Tx } from './pool';
import { RowGone } from './rows';
import { prepared } from './statement';

const FIND_LIMITS = prepared(
  'find_namespace_limits',
  `SELECT additional_purchased_storage_size, additional_purchased_storage_ends_on
   FROM namespace_limits WHERE namespace_id = $1 FOR NO KEY UPDATE`,
);

/** The row of `namespace_limits`, locked; null when there is none (contract 4.2). */
export async function findNamespaceLimits(tx: Tx, namespaceId: string): Promise<StorageState['row']> {
  const { rows } = await tx.query<NonNullable<StorageState['row']>>(FIND_LIMITS(namespaceId));
  return rows[0] ?? null;
}

// All rows are locked. The month is that of the transaction, in UTC.
const NAMESPACE = `
  SELECT id, shared_runners_minutes_limit, extra_shared_runners_minutes_limit, last_ci_minutes_notification_at,
    last_ci_minutes_usage_notification_level`;
const FIND_MINUTES = prepared(
  'find_compute_minutes',
  `${NAMESPACE}, (
    SELECT coalesce(pg_catalog.jsonb_agg(month ORDER BY month.id::bigint), '[]') FROM (
      SELECT id::text AS id, notification_level FROM ci_namespace_monthly_usages
      WHERE namespace_id = $1 AND date = pg_catalog.date_trunc('month', current_date)::date FOR NO KEY UPDATE
    ) AS month
  ) AS "monthlyUsages"
  FROM namespaces WHERE id = $1 FOR NO KEY UPDATE OF namespaces`,
);
const FIND_MINUTES_ALONE = prepared(
  'find_compute_minutes_alone',
  `${NAMESPACE}, NULL::jsonb AS "monthlyUsages" FROM namespaces WHERE id = $1 FOR NO KEY UPDATE`,
);

/**
 * The namespace's compute minutes and this month's usage rows; locked (contract 4.3).
 * @param hasCi false: the usages are in another database (contract 7)
 * @throws RowGone when the namespace was deleted meanwhile
 */
export async function findComputeMinutes(
  tx: Tx,
  namespaceId: string,
  hasCi: boolean,
): Promise<ComputeMinutesState> {
  const find = hasCi ? FIND_MINUTES : FIND_MINUTES_ALONE;
  const { rows } = await tx.query<
    ComputeMinutesState['namespace'] & Pick<ComputeMinutesState, 'monthlyUsages'>
  >(find(namespaceId));
  if (!rows[0]) throw new RowGone('namespaces', namespaceId);
  const { monthlyUsages, ...namespace } = rows[0];
  return { namespace, monthlyUsages };
}
