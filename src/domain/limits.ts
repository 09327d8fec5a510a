import { changedColumns, type ColumnValues, type SectionPlan, type Write, type FollowUp } from './plan';
import type { Storage, ComputeMinutes } from './provision';
import { rangeMessage } from './coercion';

/** What planStorage needs to know of the database. */
export interface StorageState {
  namespace_id: string;
  /** The namespace's row of `namespace_limits` (MiB as int8 text, date); null when there is none yet. */
  row: {
    additional_purchased_storage_size: string;
    additional_purchased_storage_ends_on: string | null;
  } | null;
}

/**
 * What `storage` does to the limits of a namespace (contract 4.2); the row is built if missing. Refused: messages
 * only. Values that are all stored already: no writes. It has no follow-up work.
 */
export function planStorage(attrs: Storage, { namespace_id, row }: StorageState): SectionPlan {
  const { additional_purchased_storage_size: sentSize, ...endsOn } = attrs;
  const size = sentSize === undefined ? Number(row?.additional_purchased_storage_size ?? 0) : sentSize;
  const messages = sizeMessages(size);
  if (messages.length > 0) return { messages, writes: [], followUps: [] };

  const sent: ColumnValues = { ...endsOn };
  if (sentSize !== undefined || row === null) sent['additional_purchased_storage_size'] = String(size);
  if (row === null) {
    const values = { namespace_id, ...sent };
    return { messages, writes: [{ table: 'namespace_limits', key: null, values }], followUps: [] };
  }
  const values = changedColumns(row, sent);
  const writes: Write[] =
    Object.keys(values).length === 0 ? [] : [{ table: 'namespace_limits', key: { namespace_id }, values }];
  return { messages, writes, followUps: [] };
}

function sizeMessages(size: number | null): string[] {
  const name = 'Namespace limit additional purchased storage size';
  if (size === null) return [`${name} can't be blank`];
  const message = rangeMessage(name, size, Number.MAX_SAFE_INTEGER);
  return message === null ? [] : [message];
}

/** `notification_level` of a month in which nobody was notified yet: 100 percent of the minutes are left. */
export const NOTIFICATION_LEVEL_FULL = 100;

/** What planComputeMinutes needs to know of the database. */
export interface ComputeMinutesState {
  /** The namespace's row: minutes, and when and at which level its owners were last notified. */
  namespace: {
    id: string;
    shared_runners_minutes_limit: number | null;
    extra_shared_runners_minutes_limit: number | null;
    last_ci_minutes_notification_at: string | null;
    last_ci_minutes_usage_notification_level: number | null;
  };
  /**
   * The rows of `ci_namespace_monthly_usages` of the current UTC month, one a shard; null where they are in another
   * database (contract 7).
   */
  monthlyUsages: { id: string; notification_level: number }[] | null;
}

/**
 * What `compute_minutes` does to the limits of a namespace (contract 4.3). Refused: one message only. Values that are
 * all stored already: no effect at all.
 */
export function planComputeMinutes(attrs: ComputeMinutes, state: ComputeMinutesState): SectionPlan {
  const { namespace, monthlyUsages } = state;
  const messages = limitMessages({ ...namespace, ...attrs });
  if (messages.length > 0) return { messages, writes: [], followUps: [] };
  const limits = changedColumns(namespace, { ...attrs });
  if (Object.keys(limits).length === 0) return { messages, writes: [], followUps: [] };

  const notifications = {
    last_ci_minutes_notification_at: null,
    last_ci_minutes_usage_notification_level: null,
  };
  const extraSent = (attrs.extra_shared_runners_minutes_limit ?? null) !== null;
  const values = { ...limits, ...(extraSent ? changedColumns(namespace, notifications) : {}) };
  const writes: Write[] = [{ table: 'namespaces', key: { id: namespace.id }, values }];
  for (const { id, notification_level } of monthlyUsages ?? []) {
    if (notification_level === NOTIFICATION_LEVEL_FULL) continue;
    const full = { notification_level: NOTIFICATION_LEVEL_FULL };
    writes.push({ table: 'ci_namespace_monthly_usages', key: { id }, values: full });
  }
  const followUps = limitFollowUps(attrs, namespace);
  return { messages, writes, followUps, ...(monthlyUsages === null && { resetsCiUsages: true }) };
}

function limitMessages(result: Required<ComputeMinutes>): string[] {
  const invalid = [
    rangeMessage('Shared runners minutes limit', result.shared_runners_minutes_limit),
    rangeMessage('Extra shared runners minutes limit', result.extra_shared_runners_minutes_limit),
  ].filter((message) => message !== null);
  return invalid.length > 0 ? [`Validation failed: ${invalid.join(', ')}`] : [];
}

function limitFollowUps(attrs: ComputeMinutes, namespace: ComputeMinutesState['namespace']): FollowUp[] {
  const result = { ...namespace, ...attrs };
  const { shared_runners_minutes_limit, extra_shared_runners_minutes_limit: extra } = result;
  const before = namespace.extra_shared_runners_minutes_limit;
  const followUps: FollowUp[] = [];
  // Also when they stay the same: whoever sends purchased minutes beside a new limit wants the runners to look.
  if ((attrs.extra_shared_runners_minutes_limit ?? null) !== null) {
    const payload = { namespace_id: namespace.id, extra_minutes_before: before, extra_minutes_after: extra };
    followUps.push({ event: 'tick_instance_runners', payload });
  }
  const limits = { shared_runners_minutes_limit, extra_shared_runners_minutes_limit: extra };
  followUps.push({ event: 'refresh_compute_minutes', payload: { namespace_id: namespace.id, ...limits } });
  return followUps;
}
