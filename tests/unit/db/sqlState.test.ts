import { describe, expect, test } from '@jest/globals';
import { classOfSqlState, databaseFailure, SQLSTATE_CLASSES } from '../../../src/db/sqlState';

/** Written out by hand: one state for each entry of the table, and states that are in none. */
const EXPECTED: [string, string, string][] = [
  ['22', '22003', 'refused'],
  ['22', '22P05', 'refused'],
  ['23', '23505', 'refused'],
  ['23', '23514', 'refused'],
  ['P0001', 'P0001', 'refused'],
  ['08', '08006', 'transient'],
  ['26000', '26000', 'transient'],
  ['40', '40001', 'transient'],
  ['40', '40P01', 'transient'],
  ['53', '53300', 'transient'],
  ['57', '57P01', 'transient'],
  ['57', '57014', 'transient'],
  ['58', '58030', 'transient'],
  ['55006', '55006', 'transient'],
  ['55P03', '55P03', 'transient'],
  ['25006', '25006', 'transient'],
  ['25P03', '25P03', 'transient'],
  ['25P04', '25P04', 'transient'],
  ['28000', '28000', 'transient'],
  ['28P01', '28P01', 'transient'],
  ['3D000', '3D000', 'transient'],
  ['23502', '23502', 'schema'],
  ['42P01', '42P01', 'schema'],
  ['42703', '42703', 'schema'],
  ['42501', '42501', 'schema'],
  ['2F002', '2F002', 'schema'],
  ['none', '42601', 'bug'],
  ['none', '25P02', 'bug'],
  ['none', 'P0002', 'bug'],
  ['none', 'XX000', 'bug'],
];

describe('a database error is refused, transient, a changed schema or a bug by its SQLSTATE', () => {
  test.each(EXPECTED)('entry %s: %s is %s', (_entry, sqlState, errorClass) => {
    expect(classOfSqlState(sqlState)).toBe(errorClass);
  });

  test('every entry of the table is tested', () => {
    expect(new Set(EXPECTED.map(([entry]) => entry).filter((entry) => entry !== 'none'))).toEqual(
      new Set(Object.keys(SQLSTATE_CLASSES)),
    );
  });
});

describe('an error without a SQLSTATE', () => {
  const withCode = (code: string) => Object.assign(new Error('x'), { code });

  test.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'])(
    'of the network (%s) is transient',
    (code) => {
      expect(databaseFailure(withCode(code))).toMatchObject({ class: 'transient', code });
    },
  );

  test('of several addresses that all refuse is transient', () => {
    const refused = new AggregateError([withCode('ECONNREFUSED'), withCode('ECONNREFUSED')]);
    expect(databaseFailure(refused)).toMatchObject({ class: 'transient' });
  });

  test.each([
    'Connection terminated unexpectedly',
    'Query read timeout',
    'timeout exceeded when trying to connect',
  ])('of the driver (%s) is transient', (message) => {
    expect(databaseFailure(new Error(message))).toMatchObject({ class: 'transient', code: 'no_answer' });
  });

  test('that comes from elsewhere is not sorted here', () => {
    expect(databaseFailure(new TypeError('x is undefined'))).toBeNull();
    expect(databaseFailure(withCode('ERR_ASSERTION'))).toBeNull();
    expect(databaseFailure('text')).toBeNull();
  });
});
