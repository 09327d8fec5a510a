import { describe, expect, test } from '@jest/globals';
import { answerOf, supersededAnswer } from '../../../src/domain/answer';
import { SECTIONS, SECTION_LABELS, STEPS } from '../../../src/domain/sections';

describe('the answer (contract 2)', () => {
  test('nothing asked is a success with four nulls', () => {
    expect(JSON.stringify(answerOf({}))).toBe(
      '{"status":"success","message":null,"payload":{"base_product":null,"storage":null,"compute_minutes":null,"add_on_purchases":null}}',
    );
  });

  test('joins the messages of failed sections in section order, whatever order they come in', () => {
    const answer = answerOf({
      add_on_purchases: { status: 'error', message: 'C.' },
      storage: { status: 'success' },
      base_product: { status: 'error', message: 'A, B' },
    });
    expect(answer.status).toBe('error');
    expect(answer.message).toBe('A, B, C.');
    expect(Object.keys(answer.payload)).toEqual([...SECTIONS]);
    expect(answer.payload.storage).toEqual({ status: 'success' });
    expect(answer.payload.compute_minutes).toBeNull();
  });

  test('sections beside a failed one keep their own status', () => {
    const answer = answerOf({
      base_product: { status: 'rolled_back' },
      storage: { status: 'error', message: 'S' },
      add_on_purchases: { status: 'skipped' },
    });
    expect(answer).toMatchObject({
      status: 'error',
      message: 'S',
      payload: { base_product: { status: 'rolled_back' } },
    });
  });

  test('what was not applied is never a success', () => {
    const answer = answerOf({ base_product: { status: 'rolled_back' }, storage: { status: 'skipped' } });
    expect(answer).toMatchObject({ status: 'error', message: 'Not applied: base_product, storage' });
  });

  test('an overtaken sync names the newer one', () => {
    expect(supersededAnswer(125)).toEqual({
      status: 'skipped',
      message: 'Superseded by sync 125',
      payload: { base_product: null, storage: null, compute_minutes: null, add_on_purchases: null },
    });
  });
});

describe('the steps', () => {
  test('cover every section once, in order', () => {
    expect(STEPS.flatMap(({ sections }) => [...sections])).toEqual([...SECTIONS]);
  });

  test('have labels for what the database refuses (contract 3)', () => {
    expect(SECTIONS.map((section) => SECTION_LABELS[section])).toEqual([
      'Gitlab subscription',
      'Namespace limit',
      'Compute minutes',
      'Add-on purchases',
    ]);
  });
});
