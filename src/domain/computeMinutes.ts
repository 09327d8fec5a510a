import { changedColumns } from './changedColumns';
import type { FollowUp, SectionPlan, Write } from './plan';
import type { ComputeMinutes } from './provision';
import { rangeMessage } from './ranges';

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
