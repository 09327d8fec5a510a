import { isJsonObject } from './addOnInput';
import { parseProvision, type Provision } from './provision';
import { isSyncId } from './syncId';

export type ParsedSyncBody =
  { ok: true; syncId: number | null; provision: Provision } | { ok: false; errors: string[] };

/**
 * Reads the JSON body of a sync (contract 1.3). Unknown root keys are ignored. `syncId` is null when absent or null.
 * `errors` holds those of `provision` first, in the order of its schema, then the one of `sync_id`.
 * A body that is no object has no `provision`, thus `provision is missing`.
 */
export function parseSyncBody(body: unknown): ParsedSyncBody {
  const root = isJsonObject(body) ? body : {};
  const parsed = Object.hasOwn(root, 'provision')
    ? parseProvision(root['provision'])
    : { ok: false as const, errors: ['provision is missing'] };
  const syncId = Object.hasOwn(root, 'sync_id') ? root['sync_id'] : null;
  const isValid = syncId === null || isSyncId(syncId);
  const syncIdErrors = isValid ? [] : ['sync_id is invalid'];
  if (parsed.ok && isValid) return { ok: true, syncId, provision: parsed.provision };
  return { ok: false, errors: [...(parsed.ok ? [] : parsed.errors), ...syncIdErrors] };
}
