import { createHash } from 'node:crypto';
import { canonicalJson } from '../domain/json';

/** Equal for equal JSON values, however they were spelled (contract 5 and 6): sha256 of canonical JSON, in hex. */
export function canonicalDigest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
