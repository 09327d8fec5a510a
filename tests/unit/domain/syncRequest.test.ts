import { describe, expect, test } from '@jest/globals';
import { fitsInt8, isPrimaryKey } from '../../../src/domain/ids';
import { parseSyncBody } from '../../../src/domain/request';

describe('the body (contract 1.3)', () => {
  test.each([undefined, null, [], [{}], 'x', 1, {}, { sync_id: 1 }])('%p lacks provision', (body) => {
    expect(parseSyncBody(body)).toEqual({ ok: false, errors: ['provision is missing'] });
  });

  test('an inherited provision does not count', () => {
    expect(parseSyncBody(JSON.parse('{"__proto__":{"provision":{}}}')).ok).toBe(false);
  });

  test.each([null, {}])('provision as %j is fine and does nothing', (provision) => {
    expect(parseSyncBody({ provision })).toEqual({ ok: true, syncId: null, provision: {} });
  });

  test('unknown root keys are ignored', () => {
    expect(parseSyncBody({ provision: {}, x: 1 }).ok).toBe(true);
  });

  test.each<[unknown, number | null]>([
    [null, null],
    [1, 1],
    [2 ** 53 - 1, 2 ** 53 - 1],
  ])('sync_id %p is %p', (sync_id, syncId) => {
    expect(parseSyncBody({ provision: {}, sync_id })).toEqual({ ok: true, syncId, provision: {} });
  });

  test.each([0, -1, 1.5, 2 ** 53, Infinity, '1', '', true, {}, []])('sync_id %p is invalid', (sync_id) => {
    expect(parseSyncBody({ provision: {}, sync_id })).toEqual({ ok: false, errors: ['sync_id is invalid'] });
  });

  test('errors of provision come first, then the one of sync_id', () => {
    const body = { sync_id: 0, provision: { base_product: { seats: 'x' } } };
    expect(parseSyncBody(body)).toEqual({
      ok: false,
      errors: ['provision[base_product][seats] is invalid', 'sync_id is invalid'],
    });
    expect(parseSyncBody({ sync_id: 0 })).toEqual({
      ok: false,
      errors: ['provision is missing', 'sync_id is invalid'],
    });
  });
});

describe('the id in the path (contract 1.1)', () => {
  test.each(['1', '-1', '007', '99999999999999999999'])('%s is a primary key', (id) => {
    expect(isPrimaryKey(id)).toBe(true);
  });

  test.each(['', '-', 'a', '1a', 'a/1', '+1', '1.0', '1\n', ' 1', '١'])('%j is a full path', (id) => {
    expect(isPrimaryKey(id)).toBe(false);
  });

  test.each<[string, boolean]>([
    ['9223372036854775807', true],
    ['9223372036854775808', false],
    ['-9223372036854775808', true],
    ['-9223372036854775809', false],
    ['0000000000000000000000001', true],
  ])('%s fits int8: %p', (id, fits) => {
    expect(fitsInt8(id)).toBe(fits);
  });
});
