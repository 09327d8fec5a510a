import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { INVALID, toBoolean, toDate, toInteger, toText } from '../../../src/domain/coercion';

describe('Integer (contract 1.3)', () => {
  test.each<[unknown, number | null]>([
    [12, 12],
    [1.9, 1],
    [-1.9, -1],
    [-0.5, 0],
    ['12', 12],
    [' 12 ', 12],
    ['1_000', 1000],
    ['010', 10],
    ['+7', 7],
    ['-7', -7],
    ['', null],
    [null, null],
    [1e300, 2 ** 63],
    ['-' + '9'.repeat(400), -(2 ** 63)],
  ])('%j is read as %j', (value, expected) => {
    expect(toInteger(value)).toBe(expected);
  });

  const invalid = [
    '1.5',
    'abc',
    '1__0',
    '_1',
    '1_',
    '- 1',
    '1 2',
    '0x10',
    '1e3',
    ' ',
    true,
    false,
    {},
    [],
    [1],
  ];
  test.each([...invalid, Infinity, -Infinity, NaN, undefined])('%p is invalid', (value) => {
    expect(toInteger(value)).toBe(INVALID);
  });

  test('what it returns is JSON and is read as itself', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.double(), fc.bigInt().map(String)), (value) => {
        const once = toInteger(value);
        if (once === INVALID) return;
        expect(JSON.parse(JSON.stringify(once))).toBe(once);
        expect(toInteger(once)).toBe(once);
      }),
    );
  });
});

describe('Date (contract 1.3)', () => {
  test.each<[unknown, string | null]>([
    ['2026-02-13', '2026-02-13'],
    ['20260213', '2026-02-13'],
    ['2024-02-29', '2024-02-29'],
    ['2000-02-29', '2000-02-29'],
    ['0001-01-01', '0001-01-01'],
    ['9999-12-31', '9999-12-31'],
    ['2026-02-13T10:20', '2026-02-13'],
    ['2026-02-13 10:20:30', '2026-02-13'],
    ['2026-02-13T10:20:30.123Z', '2026-02-13'],
    ['2026-02-13T23:59:59-11:00', '2026-02-13'],
    ['2026-02-13T00:00:00+0530', '2026-02-13'],
    ['', null],
    [null, null],
  ])('%j is read as %j', (value, expected) => {
    expect(toDate(value)).toBe(expected);
  });

  test.each([
    ...['2026-02-29', '1900-02-29', '2026-13-01', '2026-00-01', '2026-01-00', '2026-04-31', '0000-01-01'],
    ...['2026-2-3', '2026-0213', '202602131', '13.02.2026', 'tomorrow', '2026-02-13T', '2026-02-13T25:00'],
    ...['2026-02-13T10:60', '2026-02-13X', ' 2026-02-13', '2026-02-13\n', '12026-02-13'],
    ...[20260213, 0, true, {}, [], undefined],
  ])('%p is invalid', (value) => {
    expect(toDate(value)).toBe(INVALID);
  });

  test('every day of the calendar is read as itself, in both spellings', () => {
    const anyDay = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(anyDay, (date) => {
        const day = date.toISOString().slice(0, 10);
        expect(toDate(day)).toBe(day);
        expect(toDate(day.replaceAll('-', ''))).toBe(day);
        expect(toDate(date.toISOString())).toBe(day);
      }),
    );
  });

  test('a day is accepted exactly when Date has it', () => {
    const part = (min: number, max: number, width: number) =>
      fc.integer({ min, max }).map((number) => String(number).padStart(width, '0'));
    fc.assert(
      fc.property(part(1, 9999, 4), part(0, 13, 2), part(0, 32, 2), (year, month, day) => {
        const text = `${year}-${month}-${day}`;
        const date = new Date(`${text}T00:00:00Z`);
        const isReal = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
        expect(toDate(text)).toBe(isReal ? text : INVALID);
      }),
    );
  });
});

describe('Boolean (contract 1.3)', () => {
  test.each([true, 1, '1', 'on', 'On', 'ON', 't', 'T', 'true', 'TRUE', 'tRuE', 'y', 'Y', 'yes', 'YES'])(
    '%j is true',
    (value) => {
      expect(toBoolean(value)).toBe(true);
    },
  );

  test.each([false, 0, -0, '0', 'off', 'OFF', 'f', 'F', 'false', 'False', 'n', 'N', 'no', 'No'])(
    '%j is false',
    (value) => {
      expect(toBoolean(value)).toBe(false);
    },
  );

  test.each(['', null])('%j is null', (value) => {
    expect(toBoolean(value)).toBeNull();
  });

  test.each([2, -1, 0.5, 'maybe', ' true', 'null', {}, [], [true], undefined])('%p is invalid', (value) => {
    expect(toBoolean(value)).toBe(INVALID);
  });
});

describe('String (contract 1.3)', () => {
  test.each<[unknown, string | null]>([
    ['premium', 'premium'],
    ['', ''],
    [12, '12'],
    [1.5, '1.5'],
    [true, 'true'],
    [null, null],
  ])('%j is read as %j', (value, expected) => {
    expect(toText(value)).toBe(expected);
  });

  test.each([{}, [], ['a'], undefined])('%p is invalid', (value) => {
    expect(toText(value)).toBe(INVALID);
  });
});

test.each([toInteger, toDate, toBoolean, toText])('%p reads its own results as themselves', (coerce) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const once = coerce(value);
      if (once !== INVALID) expect(coerce(once)).toBe(once);
    }),
  );
});
