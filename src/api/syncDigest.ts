import type { SyncInput } from '../domain/sync';
import { canonicalDigest } from '../wire/digest';

/** Equal for requests that ask the same: same `sync_id`, same `provision` however it was spelled (contract 5). */
export function syncDigest({ sync_id, provision }: SyncInput): string {
  return canonicalDigest({ sync_id, provision });
}
