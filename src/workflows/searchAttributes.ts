import { defineSearchAttributeKey, SearchAttributeType, type SearchAttributePair } from '@temporalio/common';
import type { Outcome } from '../domain/sync';

/** What runs can be searched by, in the UI and with `temporal workflow list --query`. */
// `NamespaceId` would be the natural name, but servers keep it for themselves (seen on 1.32).
export const NAMESPACE_ID = defineSearchAttributeKey('GitlabNamespaceId', SearchAttributeType.INT);
export const SYNC_ID = defineSearchAttributeKey('SyncId', SearchAttributeType.INT);
export const PROVISION_OUTCOME = defineSearchAttributeKey('ProvisionOutcome', SearchAttributeType.KEYWORD);

/** The attributes that are known when a run starts. Ids beyond 2^53 have none: they would be rounded. */
export function startAttributes(namespaceId: string, syncId: number | null): SearchAttributePair[] {
  const id = Number(namespaceId);
  return [
    ...(Number.isSafeInteger(id) ? [{ key: NAMESPACE_ID, value: id }] : []),
    ...(syncId === null ? [] : [{ key: SYNC_ID, value: syncId }]),
  ];
}

/** The attribute that tells how a run ended: `success`, `error` or `skipped`. */
export function outcomeAttributes({ status }: Outcome): SearchAttributePair[] {
  const value = status === 'success' || status === 'skipped' ? status : 'error';
  return [{ key: PROVISION_OUTCOME, value }];
}
