import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, jsonProblem } from '../../../src/domain/json';

function nested(levels: number, open = '[', close = ']'): unknown {
  return JSON.parse(open.repeat(levels) + (open === '[' ? '' : '1') + close.repeat(levels));
}

describe('canonicalJson', () => {
  test('sorts keys at every level and keeps the order of arrays', () => {
    expect(canonicalJson({ b: [{ d: 1, c: null }, 2], a: 'é"' })).toBe(
      '{"a":"é\\"","b":[{"c":null,"d":1},2]}',
    );
  });

  test('spells numbers as JavaScript does', () => {
    expect(canonicalJson([1.0, 1e21, -0, 0.1])).toBe('[1,1e+21,0,0.1]');
  });

  test('is JSON of the same value, and the same whatever order the keys came in', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(text);
      }),
    );
  });

  test('manages the deepest value that may be stored', () => {
    expect(canonicalJson(nested(100))).toBe('['.repeat(100) + ']'.repeat(100));
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, member]) => [key, reversed(member)]));
}

describe('jsonProblem', () => {
  test.each<[unknown]>([
    [null],
    [1],
    ['text 😀'],
    [{ a: [{ b: 'c' }] }],
    [nested(100)],
    [nested(100, '{"a":', '}')],
  ])('case %# can be stored', (value) => {
    expect(jsonProblem(value)).toBeNull();
  });

  test.each([101, 50_000])('%d levels are too deep, and are told without exhausting the stack', (levels) => {
    expect(jsonProblem(nested(levels))).toBe('JSON is nested deeper than 100 levels');
    expect(jsonProblem(nested(101, '{"a":', '}'))).toBe('JSON is nested deeper than 100 levels');
  });

  test.each([['a\0'], [['\0']], [{ 'a\0': 1 }], [{ a: { b: ['\0'] } }]])(
    '%j has a NUL character',
    (value) => {
      expect(jsonProblem(value)).toBe('JSON contains a NUL character');
    },
  );

  test.each([['\ud800'], [['x\udc00']], [{ '\ud800': 1 }]])('%j has a lone surrogate', (value) => {
    expect(jsonProblem(value)).toBe('JSON contains a lone surrogate');
  });
});
