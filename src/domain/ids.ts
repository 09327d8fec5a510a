const INT8_MIN = -(2n ** 63n);
const INT8_MAX = 2n ** 63n - 1n;

/** True when the `:id` of the path is a primary key; anything else is a full path (contract 1.1). */
export function isPrimaryKey(id: string): boolean {
  return /^-?\d+$/.test(id);
}

/** True when a primary key can be a value of int8; a key beyond names no namespace (contract 1.1). */
export function fitsInt8(primaryKey: string): boolean {
  const value = BigInt(primaryKey);
  return value >= INT8_MIN && value <= INT8_MAX;
}

/**
 * The one spelling of a primary key: a namespace has one workflow id, and so one lock, however its id was written.
 * @returns null for what is no primary key, or a number that may have lost digits
 */
export function canonicalId(id: unknown): string | null {
  if (typeof id === 'number') return Number.isSafeInteger(id) ? String(id) : null;
  if (typeof id !== 'string' || !isPrimaryKey(id) || !fitsInt8(id)) return null;
  return String(BigInt(id));
}

const PRINTABLE = /^[\x21-\x7e]{1,255}$/;

/** Whether a sender's name for its request can be used: printable ASCII without spaces (contract 2). */
export function isCorrelationId(value: unknown): value is string {
  return typeof value === 'string' && PRINTABLE.test(value);
}

/** `sync_id` orders syncs, so a value that lost its precision or its type on the way is refused, not coerced. */
export function isSyncId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
