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

// Both rows are locked. The month is that of the transaction, in UTC.
const FIND_MINUTES = prepared(
  'find_compute_minutes',
  `
  SELECT namespaces.id, shared_runners_minutes_limit, extra_shared_runners_minutes_limit,
    last_ci_minutes_notification_at, last_ci_minutes_usage_notification_level,
    month.id AS "usageId", month.notification_level AS "usageLevel"
  FROM namespaces
  LEFT JOIN (
    SELECT id, notification_level FROM ci_namespace_monthly_usages
    WHERE namespace_id = $1 AND date = date_trunc('month', current_date)::date FOR NO KEY UPDATE
  ) AS month ON true
  WHERE namespaces.id = $1
  FOR NO KEY UPDATE OF namespaces`,
);

/**
 * The namespace's compute minutes and this month's usage row, if there is one; locked (contract 4.3).
 * @throws RowGone when the namespace was deleted meanwhile
 */
export async function findComputeMinutes(tx: Tx, namespaceId: string): Promise<ComputeMinutesState> {
  const { rows } = await tx.query<
    ComputeMinutesState['namespace'] & { usageId: string | null; usageLevel: number | null }
  >(FIND_MINUTES(namespaceId));
  if (!rows[0]) throw new RowGone('namespaces', namespaceId);
  const { usageId, usageLevel, ...namespace } = rows[0];
  const hasUsage = usageId !== null && usageLevel !== null;
  return { namespace, monthlyUsage: hasUsage ? { id: usageId, notification_level: usageLevel } : null };
}
