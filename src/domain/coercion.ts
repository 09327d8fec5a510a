/** What a coercion returns for a value that it does not accept. */
export const INVALID: unique symbol = Symbol('invalid');

export type Coerced<T> = T | null | typeof INVALID;

/** Anything beyond is refused by a range rule anyway; the clamp keeps the number finite and thus JSON. */
const INT8_BOUND = 2 ** 63;

// Ruby's: in a number only these are space; Unicode has more, of which JavaScript's \s knows others than Ruby.
const INTEGER = /^[\t-\r ]*([+-]?\d+(?:_\d+)*)[\t-\r ]*$/;
const BLANK = /^\p{White_Space}*$/u;

const COMPACT_DATE = /^(\d{4})(\d\d)(\d\d)$/;
const ISO_DATE_OR_TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:\.\d+)?)?(?:Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?)?$/;

const TRUE_WORDS = new Set(['1', 'on', 't', 'true', 'y', 'yes']);
const FALSE_WORDS = new Set(['0', 'off', 'f', 'false', 'n', 'no']);

/**
 * Integer coercion of contract 1.3. Numbers are truncated toward zero, strings are read in base 10
 * (sign, surrounding spaces and single underscores between digits allowed), `""` and null give null.
 * Magnitudes beyond ±2^63 are clamped to that. INVALID for everything else, Infinity (JSON `1e400`) included.
 */
export function toInteger(value: unknown): Coerced<number> {
  if (value === null || value === '') return null;
  if (typeof value === 'number') return Number.isFinite(value) ? clamp(value) : INVALID;
  if (typeof value !== 'string') return INVALID;
  const digits = INTEGER.exec(value)?.[1];
  return digits === undefined ? INVALID : clamp(Number(digits.replaceAll('_', '')));
}

function clamp(value: number): number {
  // `+ 0` turns -0 into 0, which JSON would do anyway.
  return Math.max(-INT8_BOUND, Math.min(INT8_BOUND, Math.trunc(value))) + 0;
}

/**
 * Date coercion of contract 1.3: `YYYY-MM-DD`, `YYYYMMDD`, or an ISO timestamp, of which the date part is taken
 * as it is written (no shift to UTC). Returns `YYYY-MM-DD`; `""` and null give null. INVALID for days that the
 * Gregorian calendar lacks, for year 0000, and for everything else, numbers included.
 */
export function toDate(value: unknown): Coerced<string> {
  if (value === null || value === '') return null;
  if (typeof value !== 'string') return INVALID;
  const [, year, month, day] = ISO_DATE_OR_TIMESTAMP.exec(value) ?? COMPACT_DATE.exec(value) ?? [];
  return isCalendarDay(Number(year), Number(month), Number(day)) ? `${year}-${month}-${day}` : INVALID;
}

function isCalendarDay(year: number, month: number, day: number): boolean {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return year >= 1 && day >= 1 && day <= days;
}

/**
 * Boolean coercion of contract 1.3: true/false, 1/0 as number or string, and on/off, t/f, true/false, y/n, yes/no
 * in any case. `""` and null give null, everything else INVALID.
 */
export function toBoolean(value: unknown): Coerced<boolean> {
  if (value === null || value === '') return null;
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string' && typeof value !== 'number') return INVALID;
  const word = String(value).toLowerCase();
  if (TRUE_WORDS.has(word)) return true;
  return FALSE_WORDS.has(word) ? false : INVALID;
}

/** Whether a text counts as missing, as Ruby's `blank?` sees it: empty, or nothing but white space. */
export function isBlank(text: string): boolean {
  return BLANK.test(text);
}

/** String coercion of contract 1.3: any scalar as its text, null as null (`""` stays), the rest INVALID. */
export function toText(value: unknown): Coerced<string> {
  if (value === null) return null;
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : INVALID;
}

/** The largest int4, thus the largest number of seats, minutes or add-on units. */
export const INT4_MAX = 2_147_483_647;

/** What is wrong with a count that must be within 0 and `max`, after its name; null when nothing is (contract 4.5). */
export function rangeMessage(name: string, value: number | null, max: number = INT4_MAX): string | null {
  if (value !== null && value < 0) return `${name} must be greater than or equal to 0`;
  if (value !== null && value > max) return `${name} must be less than or equal to ${max}`;
  return null;
}
