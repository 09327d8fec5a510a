/** `sync_id` orders syncs, so a value that lost its precision or its type on the way is refused, not coerced. */
export function isSyncId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
