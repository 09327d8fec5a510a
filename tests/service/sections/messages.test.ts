import { describe, expect, test } from '@jest/globals';
import { sharedService } from '../../support/shared';
import { seedPurchase, seedSubscription } from './support/fixtures';

const client = sharedService();

type Row = [
  message: string,
  section: string,
  attrs: Record<string, unknown>,
  seed?: (id: string) => Promise<unknown>,
];

const UNITS = { quantity: 5, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' };
const TRIAL = { trial: true, trial_starts_on: '2026-02-13', trial_ends_on: '2026-03-13' };
const addOn = (name: string, element: Record<string, unknown>): [string, Record<string, unknown>] => [
  'add_on_purchases',
  { [name]: [element] },
];
const withPremium = (id: string) => seedSubscription(client, id, 'premium');
const withPro = (id: string) => seedPurchase(client, id, 1);
const withProAndEnterprise = async (id: string) => [await withPro(id), await seedPurchase(client, id, 3)];
const { quantity, purchase_xid } = UNITS;

const GITLAB: Row[] = [
  ["Gitlab subscription seats can't be blank", 'base_product', { seats: null }],
  ["Gitlab subscription seats can't be blank", 'base_product', { seats: '' }, withPremium],
  ["Gitlab subscription start date can't be blank", 'base_product', { start_date: null }],
  ["Gitlab subscription trial ends on can't be blank", 'base_product', { ...TRIAL, trial_ends_on: null }],
  ["Gitlab subscription trial starts on can't be blank", 'base_product', { ...TRIAL, trial_starts_on: null }],
  [
    "Gitlab subscription trial ends on can't be blank, Gitlab subscription trial starts on can't be blank",
    'base_product',
    { trial: true },
    withPremium,
  ],
  [
    'Gitlab subscription trial ends on must be greater than 2026-02-13',
    'base_product',
    { ...TRIAL, trial_ends_on: '2026-02-13' },
  ],
  [
    'Gitlab subscription contract overages allowed is not included in the list',
    'base_product',
    { contract_overages_allowed: null },
  ],
  [
    "Namespace limit additional purchased storage size can't be blank",
    'storage',
    { additional_purchased_storage_size: null },
  ],
  ['Quantity must be greater than or equal to 1.', ...addOn('duo_pro', { quantity: 0 }), withPro],
  ['Quantity must be greater than or equal to 1.', ...addOn('duo_pro', { quantity: -3 }), withPro],
  ['Quantity is not a number.', ...addOn('duo_pro', { ...UNITS, quantity: 'five' })],
  ["Quantity can't be blank and Quantity is not a number.", ...addOn('duo_pro', { ...UNITS, quantity: '' })],
  ['Quantity must be an integer.', ...addOn('duo_pro', { ...UNITS, quantity: ' 12 ' })],
  ['Quantity must be an integer.', ...addOn('duo_pro', { ...UNITS, quantity: 1.5 })],
  ["Purchase xid can't be blank.", ...addOn('duo_core', { ...UNITS, purchase_xid: null })],
  [
    'Purchase xid is too long (maximum is 255 characters).',
    ...addOn('duo_core', { ...UNITS, purchase_xid: 'x'.repeat(256) }),
  ],
  [
    "Expires on can't be blank and Started at can't be blank.",
    ...addOn('duo_pro', { quantity, purchase_xid }),
  ],
  [
    "Expires on can't be blank, Started at can't be blank, and Purchase xid can't be blank.",
    ...addOn('duo_pro', { quantity }),
  ],
  [
    "Expires on can't be blank, Started at can't be blank, and Purchase xid can't be blank. Quantity is not a number. 'future_feature' is not a valid name",
    'add_on_purchases',
    { duo_pro: [{ quantity }], duo_core: [{ ...UNITS, quantity: 'x' }], future_feature: [UNITS] },
  ],
  ['Subscription add on has already been taken.', ...addOn('duo_pro', UNITS), withProAndEnterprise],
  ["'future_feature' is not a valid name", ...addOn('future_feature', { quantity: 1 })],
  ["'product_analytics' is not a valid name", ...addOn('product_analytics', UNITS)],
];

const OURS: Row[] = [
  ["Gitlab subscription hosted plan 'xyz' is not a known plan", 'base_product', { plan_code: 'xyz' }],
  ["Gitlab subscription hosted plan '' is not a known plan", 'base_product', { plan_code: '' }, withPremium],
  ['Gitlab subscription seats must be greater than or equal to 0', 'base_product', { seats: -1 }],
  ['Gitlab subscription seats must be less than or equal to 2147483647', 'base_product', { seats: 2 ** 31 }],
  [
    'Gitlab subscription max seats used must be greater than or equal to 0',
    'base_product',
    { max_seats_used: -1 },
  ],
  [
    'Gitlab subscription end date must be on or after start date',
    'base_product',
    { end_date: '2025-12-31' },
    withPremium,
  ],
  [
    'Validation failed: Shared runners minutes limit must be less than or equal to 2147483647',
    'compute_minutes',
    { shared_runners_minutes_limit: 2 ** 31 },
  ],
  [
    'Validation failed: Shared runners minutes limit must be greater than or equal to 0, Extra shared runners minutes limit must be greater than or equal to 0',
    'compute_minutes',
    { shared_runners_minutes_limit: -1, extra_shared_runners_minutes_limit: -1 },
  ],
  [
    'Namespace limit additional purchased storage size must be less than or equal to 9007199254740991',
    'storage',
    { additional_purchased_storage_size: '9007199254740992' },
  ],
  [
    'Namespace limit additional purchased storage size must be greater than or equal to 0',
    'storage',
    { additional_purchased_storage_size: -1 },
  ],
  [
    'Quantity must be less than or equal to 2147483647.',
    ...addOn('duo_pro', { ...UNITS, quantity: 2 ** 31 }),
  ],
  ['Expires on must be on or after started on.', ...addOn('duo_pro', { ...UNITS, expires_on: '2025-12-31' })],
  ['Expires on must be on or after started on.', ...addOn('duo_pro', { expires_on: '2025-12-31' }), withPro],
  ["'duo_pro' must be an array of objects", 'add_on_purchases', { duo_pro: 'yes' }],
  ["'future_feature' must be an array of objects", 'add_on_purchases', { future_feature: 'yes' }],
  ["'duo_pro' must be an array of objects", 'add_on_purchases', { duo_pro: [UNITS, 1] }],
  ['Started at is not a valid date.', ...addOn('duo_pro', { ...UNITS, started_on: '2026-02-30' })],
  ['Expires on is not a valid date.', ...addOn('duo_pro', { ...UNITS, expires_on: 'soon' })],
  ['Trial must be true or false.', ...addOn('duo_pro', { ...UNITS, trial: 'maybe' })],
  ['Trial must be true or false.', 'add_on_purchases', { duo_pro: [UNITS, { trial: 'maybe' }] }],
];

/** Posts what is to be refused. @returns the answer's message, the section's, and whether anything was written */
async function refusal([, section, attrs, seed]: Row, id: string) {
  await seed?.(id);
  const before = await client.snapshot(id);
  const answer = await client.provision(id, { [section]: attrs });
  const entry = answer.body.payload[section as 'storage'];
  expect(answer.body).toMatchObject({ status: 'error' });
  expect(await client.snapshot(id)).toEqual(before);
  expect(await client.outbox(id)).toEqual([]);
  expect(entry).toEqual({ status: 'error', message: answer.body.message });
  return [answer.status, answer.body.message];
}

describe.each([
  ['GitLab’s', GITLAB],
  ['our', OURS],
])('422 in %s words, and nothing is written', (_, rows) => {
  test.each(rows)('%s', async (...row) => {
    expect(await refusal(row, await client.createNamespace())).toEqual([422, row[0]]);
  });
});

describe('a User namespace', () => {
  test('has no add-on purchases, which is said once', async () => {
    const id = await client.createNamespace({ type: 'User' });
    const row: Row = ['', 'add_on_purchases', { duo_core: [UNITS], gitlab_credits: [UNITS] }];
    expect(await refusal(row, id)).toEqual([422, 'Namespace is invalid.']);
  });

  test('gets every other section', async () => {
    const id = await client.createNamespace({ type: 'User' });
    const answer = await client.provision(id, {
      base_product: { plan_code: 'premium' },
      storage: { additional_purchased_storage_size: 1 },
      compute_minutes: { extra_shared_runners_minutes_limit: 1 },
    });
    expect(answer.status).toBe(200);
  });
});

test('the rules look at the row as it would be stored: what is sent over what is there', async () => {
  const id = await client.createNamespace();
  await seedSubscription(client, id, 'premium', {
    trial: true,
    trial_starts_on: '2026-02-13',
    trial_ends_on: '2026-03-13',
  });
  const answer = await client.provision(id, { base_product: { trial_ends_on: '2026-02-01' } });
  expect(answer.body.message).toBe('Gitlab subscription trial ends on must be greater than 2026-02-13');
  const trialOver = await client.provision(id, {
    base_product: { trial_ends_on: '2026-02-01', trial: false },
  });
  expect(trialOver.status).toBe(200);
});
