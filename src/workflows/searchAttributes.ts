import { defineSearchAttributeKey, SearchAttributeType, type SearchAttributePair } from '@temporalio/common';
import { SECTIONS } from '../domain/sections';
import type { Outcome } from '../domain/sync';

/** What runs can be searched by, in the UI and with `temporal workflow list --query`. */
// `NamespaceId` would be the natural name, but servers keep it for themselves (seen on 1.32).
export const NAMESPACE_ID = defineSearchAttributeKey('GitlabNamespaceId', SearchAttributeType.INT);
export const SYNC_ID = defineSearchAttributeKey('SyncId', SearchAttributeType.INT);
export const PROVISION_OUTCOME = defineSearchAttributeKey('ProvisionOutcome', SearchAttributeType.KEYWORD);
export const REFUSED_SECTIONS = defineSearchAttributeKey('RefusedSections', SearchAttributeType.KEYWORD_LIST);
export const COMPENSATED = defineSearchAttributeKey('Compensated', SearchAttributeType.BOOL);

/** The attributes that are known when a run starts. Ids beyond 2^53 have none: they would be rounded. */
export function startAttributes(namespaceId: string, syncId: number | null): SearchAttributePair[] {
  const id = Number(namespaceId);
  return [
    ...(Number.isSafeInteger(id) ? [{ key: NAMESPACE_ID, value: id }] : []),
    ...(syncId === null ? [] : [{ key: SYNC_ID, value: syncId }]),
  ];
}

/**
 * What is known at the end: how the run ended, which sections were refused, and whether writes were taken back. A
 * success has none of them: it is the normal case, it is found as `ExecutionStatus = "Completed"`, and each attribute
 * that is set at the end costs every run an event.
 */
export function outcomeAttributes(outcome: Outcome, isCompensated: boolean): SearchAttributePair[] {
  if (outcome.status === 'success') return [];
  const payload = 'payload' in outcome ? outcome.payload : null;
  const refused = SECTIONS.filter((section) => payload?.[section]?.status === 'error');
  return [
    { key: PROVISION_OUTCOME, value: outcome.status },
    ...(refused.length > 0 ? [{ key: REFUSED_SECTIONS, value: refused }] : []),
    ...(isCompensated ? [{ key: COMPENSATED, value: true }] : []),
  ];
}
