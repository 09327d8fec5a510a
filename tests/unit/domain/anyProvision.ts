import fc from 'fast-check';

const date = fc.constantFrom('2026-02-13', '20270213', '2026-02-13T10:00:00Z', '', null, 'soon');
const integer = fc.oneof(fc.integer(), fc.double(), fc.constantFrom('12', ' 1_0 ', '', null, 'x', 1e300));
const boolean = fc.constantFrom(true, false, 1, 0, 'yes', 'OFF', '', null, 'maybe');
const text = fc.oneof(fc.constantFrom('premium', 'free', '', null), fc.integer());

function partial(model: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 9, arbitrary: fc.record(model, { requiredKeys: [] }) },
    { weight: 1, arbitrary: fc.constantFrom(null, {}, '', { unknown: 1 }) },
  );
}

const element = fc.oneof(
  {
    weight: 8,
    arbitrary: partial({ started_on: date, expires_on: date, quantity: integer, trial: boolean }),
  },
  { weight: 1, arbitrary: partial({ purchase_xid: fc.jsonValue(), new_subscription: fc.jsonValue() }) },
  { weight: 1, arbitrary: fc.jsonValue() },
);

const name = fc.oneof(fc.constantFrom('duo_pro', 'duo_enterprise', 'duo_core', '__proto__'), fc.string());

/** Values of `provision` that are right, wrong, or odd, but mostly of the right shape. */
export function anyProvision(): fc.Arbitrary<unknown> {
  return partial({
    base_product: partial({
      plan_code: text,
      start_date: date,
      end_date: date,
      seats: integer,
      max_seats_used: integer,
      trial: boolean,
      auto_renew: boolean,
      contract_overages_allowed: boolean,
    }),
    storage: partial({
      additional_purchased_storage_size: integer,
      additional_purchased_storage_ends_on: date,
    }),
    compute_minutes: partial({
      shared_runners_minutes_limit: integer,
      extra_shared_runners_minutes_limit: integer,
    }),
    add_on_purchases: fc.dictionary(name, fc.oneof(fc.array(element), fc.jsonValue())),
  });
}
