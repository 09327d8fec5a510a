import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { askedSections } from '../../../src/domain/sections';
import { parseProvision, provisionJsonSchema, type Provision } from '../../../src/domain/provision';
import { anyProvision } from './anyProvision';

function parsed(value: unknown): Provision {
  const result = parseProvision(value);
  if (!result.ok) throw new Error(result.errors.join(', '));
  return result.provision;
}

function errorsOf(value: unknown): string[] {
  const result = parseProvision(value);
  return result.ok ? [] : result.errors;
}

describe('absent, null, empty (contract 1.3)', () => {
  test.each([null, {}, { unknown: 1 }])('%j asks for nothing', (value) => {
    expect(parsed(value)).toEqual({});
    expect(askedSections(parsed(value))).toEqual([]);
  });

  test.each(['base_product', 'storage', 'compute_minutes'])(
    '%s that says nothing is not asked',
    (section) => {
      for (const empty of [null, {}, { packs: 1 }]) expect(parsed({ [section]: empty })).toEqual({});
    },
  );

  test.each([null, {}])('add_on_purchases as %j is not asked', (value) => {
    expect(parsed({ add_on_purchases: value })).toEqual({});
  });

  test('add_on_purchases with any name is asked', () => {
    expect(askedSections(parsed({ add_on_purchases: { duo_enterprise: [] } }))).toEqual(['add_on_purchases']);
    expect(askedSections(parsed({ add_on_purchases: { anything: null } }))).toEqual(['add_on_purchases']);
  });

  test('an absent key stays absent and null stays null', () => {
    const { base_product } = parsed({ base_product: { seats: null, end_date: '2026-02-13' } });
    expect(Object.entries(base_product ?? {})).toEqual([
      ['end_date', '2026-02-13'],
      ['seats', null],
    ]);
  });

  test('"" is null for dates, integers and booleans, and stays "" for the plan', () => {
    const { base_product } = parsed({ base_product: { plan_code: '', seats: '', end_date: '', trial: '' } });
    expect(base_product).toEqual({ plan_code: '', seats: null, end_date: null, trial: null });
  });

  test('unknown keys are dropped', () => {
    expect(parsed({ storage: { additional_purchased_storage_size: 1, x: 1 }, y: {} })).toEqual({
      storage: { additional_purchased_storage_size: 1 },
    });
  });

  test('sections are asked in their own order', () => {
    const value = { add_on_purchases: { x: null }, compute_minutes: { shared_runners_minutes_limit: 1 } };
    expect(askedSections(parsed({ ...value, base_product: { seats: 1 } }))).toEqual([
      'base_product',
      'compute_minutes',
      'add_on_purchases',
    ]);
  });
});

describe('parameter errors (contract 1.3)', () => {
  test.each(['', 'x', 1, true, [], [{}], undefined])('provision as %p is invalid', (value) => {
    expect(errorsOf(value)).toEqual(['provision is invalid']);
  });

  test.each(['base_product', 'storage', 'compute_minutes', 'add_on_purchases'])(
    '%s must be an object',
    (section) => {
      for (const wrong of ['', 'x', 1, true, [], [{}]]) {
        expect(errorsOf({ [section]: wrong })).toEqual([`provision[${section}] is invalid`]);
      }
    },
  );

  test('all are collected, in the order of the schema', () => {
    const value = {
      compute_minutes: { extra_shared_runners_minutes_limit: '1.5' },
      storage: { additional_purchased_storage_size: {} },
      base_product: { trial: 'maybe', seats: 'abc', start_date: 20260213, plan_code: [] },
      add_on_purchases: '',
    };
    expect(errorsOf(value)).toEqual([
      'provision[base_product][plan_code] is invalid',
      'provision[base_product][start_date] is invalid',
      'provision[base_product][seats] is invalid',
      'provision[base_product][trial] is invalid',
      'provision[storage][additional_purchased_storage_size] is invalid',
      'provision[compute_minutes][extra_shared_runners_minutes_limit] is invalid',
      'provision[add_on_purchases] is invalid',
    ]);
  });
});

describe('add_on_purchases', () => {
  test('keeps names in request order and scalars of known keys as sent', () => {
    const value = { zeta: [], duo_core: [{ quantity: '1', x: [1], trial: null }], alpha: 'x', beta: null };
    const addOns = parsed({ add_on_purchases: value }).add_on_purchases ?? {};
    expect(Object.entries(addOns)).toEqual([
      ['zeta', []],
      ['duo_core', [{ quantity: '1', trial: null }]],
      ['alpha', 'x'],
      ['beta', null],
    ]);
  });

  test('keeps nothing nested: what is not a scalar or an array of objects becomes {}', () => {
    const value = {
      a: { b: { c: 1 } },
      d: [[1]],
      e: [{}, null],
      f: [{ quantity: [[1]], purchase_xid: { g: 1 } }],
    };
    expect(parsed({ add_on_purchases: value }).add_on_purchases).toEqual({
      a: {},
      d: {},
      e: {},
      f: [{ quantity: {}, purchase_xid: {} }],
    });
  });

  test('a number beyond JSON is not taken for null', () => {
    const value: unknown = JSON.parse('{"add_on_purchases":{"duo_pro":[{"quantity":1e400}]}}');
    expect(parsed(value).add_on_purchases).toEqual({ duo_pro: [{ quantity: {} }] });
  });

  test('`__proto__` is a name like any other and touches no prototype', () => {
    const value: unknown = JSON.parse(
      '{"__proto__":{"seats":1},"add_on_purchases":{"__proto__":[{"quantity":1}]}}',
    );
    const addOns = parsed(value).add_on_purchases ?? {};
    expect(Object.keys(addOns)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(addOns)).toBe(Object.prototype);
    expect(Object.hasOwn(Object.prototype, 'quantity')).toBe(false);
  });
});

describe('reading', () => {
  test('never throws, whatever JSON is sent', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(typeof parseProvision(value).ok).toBe('boolean');
      }),
    );
  });

  test('a result is read as itself, also after its way through JSON', () => {
    fc.assert(
      fc.property(fc.oneof(anyProvision(), fc.jsonValue()), (value) => {
        const once = parseProvision(value);
        if (!once.ok) return;
        expect(parsed(once.provision)).toEqual(once.provision);
        expect(parsed(JSON.parse(JSON.stringify(once.provision)))).toStrictEqual(once.provision);
      }),
      { numRuns: 500 },
    );
  });
});

describe('JSON Schema', () => {
  test('is plain JSON without a dialect and describes every parameter', () => {
    const schema = provisionJsonSchema();
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
    expect(schema).not.toHaveProperty('$schema');
    const text = JSON.stringify(schema);
    for (const key of ['plan_code', 'max_seats_used', 'contract_overages_allowed', 'purchase_xid']) {
      expect(text).toContain(`"${key}"`);
    }
    expect(text).toContain('"format":"date"');
    expect(text).toContain('MiB');
  });

  test('requires no key, since absent means untouched', () => {
    expect(JSON.stringify(provisionJsonSchema())).not.toContain('"required"');
  });
});
