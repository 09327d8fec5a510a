import { createHash } from 'node:crypto';
import { canonicalJson } from '../domain/json';
import type { SyncInput } from '../domain/sync';

/** Equal for requests that ask the same: same `sync_id`, same `provision` however it was spelled (contract 5). */
export function syncDigest({ sync_id, provision }: SyncInput): string {
  return createHash('sha256').update(canonicalJson({ sync_id, provision })).digest('hex');
}
