import type { PrunableTable } from '../db/prune';

const IS_WANTED = (sync: string) =>
  `EXISTS (SELECT FROM graphile_worker.jobs WHERE key = 'sync:' || ${sync}::text)`;

/**
 * What may go of CustomersDot's tables, in this order: attempts that another one of their sync followed or whose sync was
 * overtaken, then syncs that were overtaken. The newest sync of each namespace stays with its last attempt, and so does
 * one that a person wants to be sent again.
 */
export const PRUNABLE: PrunableTable[] = [
  {
    name: 'gitlab_namespaces_sync_attempts',
    columns: 'namespaces_sync_id, namespace_id, state',
    isPrunable: `
      state <> 'started' AND (EXISTS (
        SELECT FROM gitlab_namespaces_sync_attempts AS later
        WHERE later.namespaces_sync_id = row.namespaces_sync_id AND later.id > row.id)
      OR EXISTS (
        SELECT FROM gitlab_namespaces_syncs AS newer
        WHERE newer.namespace_id = row.namespace_id AND newer.id > row.namespaces_sync_id)
      AND NOT ${IS_WANTED('row.namespaces_sync_id')})`,
  },
  {
    name: 'gitlab_namespaces_syncs',
    columns: 'namespace_id, updated_at',
    isPrunable: `
      updated_at < $3::timestamptz
      AND EXISTS (
        SELECT FROM gitlab_namespaces_syncs AS newer WHERE newer.namespace_id = row.namespace_id AND newer.id > row.id)
      AND NOT EXISTS (SELECT FROM gitlab_namespaces_sync_attempts WHERE namespaces_sync_id = row.id)
      AND NOT ${IS_WANTED('row.id')}`,
    isUnchanged: 'updated_at < $3::timestamptz',
  },
];
