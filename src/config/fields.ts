import { z } from 'zod';

/** Ports that fetch and browsers refuse (https://fetch.spec.whatwg.org/#port-blocking). */
export const BLOCKED_PORTS: readonly number[] = [
  '1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113',
  '115 117 119 123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554',
  '556 563 587 601 636 989 990 993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665',
  '6666 6667 6668 6669 6679 6697 10080',
]
  .join(' ')
  .split(' ')
  .map(Number);

const isBlocked = (port: number) => BLOCKED_PORTS.includes(port);

// Messages never show a value: it may hold a password.

/** The same, or null where the variable is unset. */
export const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.optional().transform((value): z.output<Schema> | null => value ?? null);

/** A URL with one of these protocols. */
export const url = (...protocols: string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    abort: true,
  });

/** The address of something that is asked with fetch or shown to browsers. */
export const httpUrl = url('http:', 'https:')
  .refine((value) => new URL(value).username === '' && new URL(value).password === '', {
    error: 'must not hold a user or a password: fetch refuses that, and the address is shown and logged',
  })
  .refine((value) => !isBlocked(Number(new URL(value).port)), {
    error: 'must not have a port that fetch and browsers refuse',
  });

/** Temporal's `host:port`. */
export const hostAndPort = z
  .string()
  .regex(/^(\[[0-9a-f:.]+\]|[^\s:/@[\]]+)(:\d+)?$/i, 'must be host:port, without a user or a password');

/** A whole number as text. */
export const wholeNumber = (from: number, to: number) =>
  z
    .string()
    .refine((value) => /^\d+$/.test(value) && Number(value) >= from && Number(value) <= to, {
      error: `must be a whole number from ${from} to ${to}`,
    })
    .transform(Number);

export const number = (from: number, to: number, fallback: number) => wholeNumber(from, to).default(fallback);

/** A port to listen on; 0 is any free one. */
export const anyPort = wholeNumber(0, 65_535).refine((value) => !isBlocked(value), {
  error: 'must not be a port that fetch and browsers refuse',
});

export const port = (fallback: number) => anyPort.default(fallback);

/** One of these words. */
export const oneOf = <const Value extends string>(values: readonly [Value, ...Value[]]) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` });

/** Days as text, e.g. `400d`. @returns how many; null for anything else than 1d to 36500d */
export function parseDays(value: string): number | null {
  const count = Number(/^(\d+)d$/.exec(value)?.[1] ?? 0);
  return count >= 1 && count <= 36_500 ? count : null;
}

/** A number of days, e.g. `400d`. */
export const days = (fallback: string) =>
  z
    .string()
    .refine((value) => parseDays(value) !== null, { error: 'must be a number of days from 1d to 36500d' })
    .default(fallback)
    .transform((value) => parseDays(value) ?? 0);
