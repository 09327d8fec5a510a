import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sharedService } from '../../support/shared';
import { anyProvision } from '../../unit/domain/anyProvision';
import { post, type WireAnswer } from './support';

const client = sharedService();

const SECTIONS = ['base_product', 'storage', 'compute_minutes', 'add_on_purchases'];

interface SomeAnswer {
  error?: string;
  status: string;
  message: string | null;
  payload: Record<string, { status: string; message?: string } | null>;
}

/** What every answer to whatever body keeps to (contract 2). */
function expectValid({ status, text, headers }: WireAnswer): void {
  expect([200, 400, 422]).toContain(status);
  const body = JSON.parse(text) as SomeAnswer;
  if (status === 400) {
    expect(body).toEqual({ error: expect.stringMatching(/./) });
    return;
  }
  expect(headers['x-provision-run-id']).toMatch(/./);
  expect(Object.keys(body)).toEqual(['status', 'message', 'payload']);
  expect(Object.keys(body.payload)).toEqual(SECTIONS);
  const failed: string[] = [];
  for (const entry of Object.values(body.payload)) {
    if (entry === null) continue;
    if (entry.status === 'error') failed.push(entry.message ?? '');
    else expect(entry).toEqual({ status: status === 200 ? 'success' : 'skipped' });
  }
  const isRefused = status === 422;
  expect(failed.length > 0).toBe(isRefused);
  expect(failed.every((message) => message !== '')).toBe(true);
  expect(body).toMatchObject({
    status: isRefused ? 'error' : 'success',
    message: isRefused ? failed.join(', ') : null,
  });
}

const LANES = 4;
const ROUNDS = 15;

/** Posts many bodies to a few namespaces, to each one after the other. */
async function check(body: fc.Arbitrary<string>): Promise<void> {
  const ids = await Promise.all(Array.from({ length: LANES }, () => client.createNamespace()));
  const bodies = fc.array(body, { minLength: LANES, maxLength: LANES });
  const property = fc.asyncProperty(bodies, async (round) => {
    const answers = await Promise.all(round.map((it, lane) => post(client, ids[lane] ?? '', it)));
    answers.forEach(expectValid);
  });
  await fc.assert(property, { numRuns: ROUNDS });
}

// Any UTF-16 units: control characters, lone surrogates, everything.
const anyText = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  fc.string(),
  fc.constantFrom(
    '',
    ' ',
    '1',
    '-1',
    '0',
    '1e3',
    'true',
    'null',
    '2026-02-13',
    '2026-02-13T00:00',
    '9'.repeat(30),
  ),
);
const json = (value: fc.Arbitrary<unknown>) => value.map((it) => JSON.stringify(it));
const withTexts = (keys: string[], text: fc.Arbitrary<unknown> = anyText) =>
  fc.record(Object.fromEntries(keys.map((key) => [key, text])), { requiredKeys: [] });

test('any text as the body', () => check(anyText));

test('any JSON value as the body', () => check(json(fc.jsonValue())));

test('any JSON value as provision, and any as sync_id', () =>
  check(
    json(
      fc.record({
        provision: fc.jsonValue(),
        sync_id: fc.option(fc.jsonValue(), { freq: 2 }),
      }),
    ),
  ));

test('any JSON value in each section', () =>
  check(json(fc.record({ provision: fc.dictionary(fc.constantFrom(...SECTIONS), fc.jsonValue()) }))));

test('any text in each field', () =>
  check(
    json(
      fc.record({
        provision: fc.record(
          {
            base_product: withTexts([
              'plan_code',
              'start_date',
              'end_date',
              'seats',
              'max_seats_used',
              'trial',
              'auto_renew',
              'trial_starts_on',
              'trial_ends_on',
              'contract_overages_allowed',
            ]),
            storage: withTexts(['additional_purchased_storage_size', 'additional_purchased_storage_ends_on']),
            compute_minutes: withTexts([
              'shared_runners_minutes_limit',
              'extra_shared_runners_minutes_limit',
            ]),
          },
          { requiredKeys: [] },
        ),
      }),
    ),
  ));

test('any text as a plan, which nobody knows, and in add-ons', () =>
  check(
    json(
      fc.record({
        provision: fc.oneof(
          fc.record({ base_product: fc.record({ plan_code: anyText }) }),
          fc.record({
            add_on_purchases: fc.dictionary(
              fc.oneof(fc.constantFrom('duo_core', 'duo_pro', 'duo_amazon_q', '__proto__'), anyText),
              fc.array(
                withTexts(
                  ['started_on', 'expires_on', 'quantity', 'purchase_xid', 'trial', 'new_subscription'],
                  fc.oneof(anyText, fc.jsonValue()),
                ),
                { maxLength: 3 },
              ),
              { maxKeys: 3 },
            ),
          }),
        ),
      }),
    ),
  ));

test('syncs that are nearly right', () => check(json(fc.record({ provision: anyProvision() }))));
