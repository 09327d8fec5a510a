import fc from 'fast-check';
import type { AddOn, Provision, Section } from './reference';

// Few values, so that what is sent is often what is stored. The dates are far from today, whenever that is.
const seats = fc.constantFrom(0, 5, 12);
const minutes = fc.constantFrom(0, 400, 50_000, null);
const endsOn = fc.constantFrom('2021-01-01', '2999-01-01', null);
const some = <T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) =>
  fc.record<T, never>(model, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
const nothing = fc.constant({});

// What is valid only together is sent together.
const term = fc.constantFrom(
  { start_date: '2020-01-01', end_date: '2021-01-01' },
  { start_date: '2021-01-01', end_date: '2999-01-01' },
  { start_date: '2021-01-01', end_date: null },
  { start_date: '2998-01-01', end_date: '2999-01-01' },
);
const trial = fc.constantFrom(
  { trial: false },
  { trial: true, trial_starts_on: '2021-01-01', trial_ends_on: '2021-02-01' },
);
const baseProduct = fc
  .tuple(
    some({
      plan_code: fc.constantFrom('premium', 'ultimate', 'ultimate_trial_paid_customer', 'free', null),
      seats,
      max_seats_used: seats,
      auto_renew: fc.boolean(),
      contract_overages_allowed: fc.boolean(),
    }),
    fc.oneof(nothing, term),
    fc.oneof(nothing, trial),
  )
  .map((parts) => Object.assign({}, ...parts) as NonNullable<Provision['base_product']>);

const storage = some({
  additional_purchased_storage_size: fc.constantFrom(0, 1024, 10_240),
  additional_purchased_storage_ends_on: endsOn,
});
const computeMinutes = some({
  shared_runners_minutes_limit: minutes,
  extra_shared_runners_minutes_limit: minutes,
});

const purchase: fc.Arbitrary<AddOn> = fc.record(
  {
    quantity: fc.constantFrom(5, 7),
    started_on: fc.constant('2021-01-01'),
    expires_on: fc.constantFrom('2021-01-01', '2999-01-01'),
    purchase_xid: fc.constantFrom('A-1', 'A-2'),
    trial: fc.boolean(),
    new_subscription: fc.boolean(),
  },
  { requiredKeys: ['quantity', 'started_on', 'expires_on', 'purchase_xid'] },
);
/** Moves the dates and nothing else. */
const deProvision: fc.Arbitrary<AddOn> = fc.constant({ started_on: '2020-01-01', expires_on: '2020-12-31' });
const addOnPurchases = fc
  .shuffledSubarray(['duo_pro', 'duo_enterprise', 'duo_core', 'secrets_manager'], { minLength: 1 })
  .chain((names) =>
    fc
      .tuple(...names.map(() => fc.oneof({ weight: 3, arbitrary: purchase }, deProvision)))
      .map((elements) => Object.fromEntries(names.map((name, index) => [name, [elements[index] as AddOn]]))),
  );

/** A valid sync of any sections, none at all included. */
export const anySync: fc.Arbitrary<Provision> = some({
  base_product: baseProduct,
  storage,
  compute_minutes: computeMinutes,
  add_on_purchases: addOnPurchases,
});

/** A valid sync of all sections. */
export const wholeSync: fc.Arbitrary<Provision> = fc.record({
  base_product: filled(baseProduct),
  storage: filled(storage),
  compute_minutes: filled(computeMinutes),
  add_on_purchases: addOnPurchases,
});

function filled<T extends object>(section: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return section.filter((values) => Object.keys(values).length > 0);
}

/** Values that the rules refuse whatever is stored, and what they say. */
const REFUSALS: Record<Section, [values: object, message: string][]> = {
  base_product: [
    [{ seats: -1 }, 'Gitlab subscription seats must be greater than or equal to 0'],
    [{ seats: null }, "Gitlab subscription seats can't be blank"],
    [{ plan_code: 'gone' }, "Gitlab subscription hosted plan 'gone' is not a known plan"],
    [
      { start_date: '2021-01-02', end_date: '2021-01-01' },
      'Gitlab subscription end date must be on or after start date',
    ],
  ],
  storage: [
    [
      { additional_purchased_storage_size: null },
      "Namespace limit additional purchased storage size can't be blank",
    ],
    [
      { additional_purchased_storage_size: -1 },
      'Namespace limit additional purchased storage size must be greater than or equal to 0',
    ],
  ],
  compute_minutes: [
    [
      { shared_runners_minutes_limit: -1 },
      'Validation failed: Shared runners minutes limit must be greater than or equal to 0',
    ],
    [
      { extra_shared_runners_minutes_limit: 2_147_483_648 },
      'Validation failed: Extra shared runners minutes limit must be less than or equal to 2147483647',
    ],
  ],
  add_on_purchases: [
    [{ future_feature: [{ quantity: 1 }] }, "'future_feature' is not a valid name"],
    [{ gitlab_credits: {} }, "'gitlab_credits' must be an array of objects"],
    [{ gitlab_credits: [{ quantity: 'many' }] }, 'Quantity is not a number.'],
  ],
};

export interface Refusal {
  values: object;
  message: string;
}

/** For each section a refusal, or null to leave the section as it is; at least one is refused. */
export const anyRefusals: fc.Arbitrary<Partial<Record<Section, Refusal>>> = fc
  .subarray(Object.keys(REFUSALS) as Section[], { minLength: 1 })
  .chain((sections) =>
    fc.tuple(...sections.map((section) => fc.constantFrom(...REFUSALS[section]))).map((refusals) =>
      Object.fromEntries(
        sections.map((section, index) => {
          const [values, message] = refusals[index] as [object, string];
          return [section, { values, message }];
        }),
      ),
    ),
  );
