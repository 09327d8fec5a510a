import type { ComputeMinutesState } from '../domain/computeMinutes';
import type { StorageState } from '../domain/storage';
import type { Tx } from './pool';
import { RowGone } from './rows';

/** The row of `namespace_limits`, locked; null when there is none (contract 4.2). */
export async function findNamespaceLimits(tx: Tx, namespaceId: string): Promise<StorageState['row']> {
  const { rows } = await tx.query<NonNullable<StorageState['row']>>(
    `SELECT additional_purchased_storage_size, additional_purchased_storage_ends_on
     FROM namespace_limits WHERE namespace_id = $1 FOR NO KEY UPDATE`,
    [namespaceId],
  );
  return rows[0] ?? null;
}

/** The namespace's compute minutes, locked (contract 4.3). @throws RowGone when it was deleted meanwhile */
export async function findComputeMinutes(
  tx: Tx,
  namespaceId: string,
): Promise<ComputeMinutesState['namespace']> {
  const { rows } = await tx.query<ComputeMinutesState['namespace']>(
    `SELECT id, shared_runners_minutes_limit, extra_shared_runners_minutes_limit,
       last_ci_minutes_notification_at, last_ci_minutes_usage_notification_level
     FROM namespaces WHERE id = $1 FOR NO KEY UPDATE`,
    [namespaceId],
  );
  if (!rows[0]) throw new RowGone('namespaces', namespaceId);
  return rows[0];
}

/** This month's usage row, locked; null when there is none. @param today UTC day, `YYYY-MM-DD` */
export async function findMonthlyUsage(
  tx: Tx,
  namespaceId: string,
  today: string,
): Promise<ComputeMinutesState['monthlyUsage']> {
  const { rows } = await tx.query<NonNullable<ComputeMinutesState['monthlyUsage']>>(
    `SELECT id, notification_level FROM ci_namespace_monthly_usages
     WHERE namespace_id = $1 AND date = date_trunc('month', $2::date)::date FOR NO KEY UPDATE`,
    [namespaceId, today],
  );
  return rows[0] ?? null;
}
