import { expect, test } from '@jest/globals';
import { retryAfterMs } from '../../../src/domain/retryAfter';

const NOW = Date.parse('2026-02-13T10:00:00Z');
const MINUTE = 60_000;

test.each<[string, string | null, number | null]>([
  ['seconds', '7', 7_000],
  ['five minutes', '300', 5 * MINUTE],
  ['more than five minutes', '301', 5 * MINUTE],
  ['more than anybody waits', '9999999', 5 * MINUTE],
  ['more than a number holds', '9'.repeat(400), 5 * MINUTE],
  ['a date in a minute', 'Fri, 13 Feb 2026 10:01:00 GMT', MINUTE],
  ['a date far in the future', 'Fri, 13 Feb 2099 10:01:00 GMT', 5 * MINUTE],
  ['none', null, null],
  ['nothing', '', null],
  ['no time at all', '0', null],
  ['less than nothing', '-5', null],
  ['a sign', '+5', null],
  ['a fraction', '1.5', null],
  ['another notation', '1e3', null],
  ['a unit', '5 s', null],
  ['two values', '5, 7', null],
  ['a date in the past', 'Fri, 13 Feb 2026 09:59:59 GMT', null],
  ['a date that is none', 'Fri, 33 Feb 2026 10:01:00 GMT', null],
  ['a date of another form', '2099-02-13T10:01:00Z', null],
  ['garbage that Date.parse takes for a date', 'soon 2099', null],
])('Retry-After with %s: %j', (_what, header, ms) => {
  expect(retryAfterMs(header, NOW)).toBe(ms);
});
