import fc from 'fast-check';
import type { ServiceClient } from '../../../support/client';
import { seedPurchase, seedSubscription } from './fixtures';

// Few values, so that what is stored and what is sent are often the same.
const plan = fc.constantFrom('free', 'premium', 'ultimate', 'ultimate_trial_paid_customer');
const start = fc.constantFrom('2025-01-01', '2026-01-01');
const end = fc.constantFrom('2026-01-01', '2027-01-01', null);
const INT4_MAX = 2_147_483_647;
const seats = fc.constantFrom(0, 5, 12, INT4_MAX);
const minutes = fc.constantFrom(0, 100, 500, INT4_MAX, null);
const size = fc.constantFrom(0, 1024, Number.MAX_SAFE_INTEGER);
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 5 });

/**
 * Rows of a namespace as GitLab's schema allows them: with NULLs in every column that takes them, several shards of a
 * month, add-ons whose id is missing or names nothing, numbers as large as their columns.
 */
export const anyRows = fc.record({
  subscription: fc.option(
    fc.record({
      plan: orNull(plan),
      /** A row that GitLab has not filled in yet: only the id names its plan. */
      hasUid: fc.boolean(),
      values: fc.record({
        seats: orNull(seats),
        max_seats_used: orNull(seats),
        seats_in_use: fc.constantFrom(0, 3, 8),
        start_date: orNull(start),
        end_date: end,
        trial: fc.constantFrom(false, false, true, null),
        trial_starts_on: fc.constant('2025-01-01'),
        trial_ends_on: fc.constant('2025-02-01'),
        auto_renew: orNull(fc.boolean()),
        trial_extension_type: orNull(fc.constant(1)),
        contract_overages_allowed: fc.boolean(),
        max_seats_used_changed_at: orNull(
          fc.constantFrom('2025-06-01 00:00:00+00', '2026-06-01 00:00:00+00'),
        ),
        last_seat_refresh_at: orNull(fc.constant('2026-06-01 00:00:00+00')),
      }),
    }),
    { nil: null },
  ),
  settings: fc.option(
    fc.record({
      duo_nano_features_enabled: fc.constantFrom(true, false, null),
      seat_control: fc.constantFrom(0, 1, 2),
      new_user_signups_cap: fc.constantFrom(null, 7),
      prevent_sharing_groups_outside_hierarchy: fc.boolean(),
    }),
    { nil: null },
  ),
  limits: fc.option(
    fc.record({ additional_purchased_storage_size: size, additional_purchased_storage_ends_on: end }),
    { nil: null },
  ),
  namespace: fc.record({
    shared_runners_minutes_limit: minutes,
    extra_shared_runners_minutes_limit: minutes,
    last_ci_minutes_notification_at: orNull(fc.constant('2026-06-01 00:00:00+00')),
    last_ci_minutes_usage_notification_level: orNull(fc.constant(30)),
    created_at: orNull(fc.constant('2026-01-01 00:00:00')),
    updated_at: orNull(fc.constant('2026-01-01 00:00:00')),
  }),
  /** The notification levels of this month, one a shard. */
  shards: fc.array(fc.constantFrom(0, 30, 100), { maxLength: 3 }),
  purchases: fc
    .subarray([1, 2, 5])
    .chain((others) => fc.constantFrom(others, [3, ...others.filter((uid) => uid !== 1)], [3, ...others]))
    .chain((uids) =>
      fc.tuple(
        ...uids.map((uid) =>
          fc.record({ uid: fc.constant(uid), id: fc.constantFrom('its own', 'none', 'dangling') }),
        ),
      ),
    ),
});

export type AnyRows = typeof anyRows extends fc.Arbitrary<infer Rows> ? Rows : never;

/** Makes a namespace with these rows. @returns its id */
export async function seedRows(client: ServiceClient, rows: AnyRows): Promise<string> {
  const id = await client.createNamespace({ ...rows.namespace, settings: rows.settings });
  if (rows.subscription) {
    const { plan: name, hasUid, values } = rows.subscription;
    // On a schema without ids, a row without a number has no plan.
    await seedSubscription(client, id, name, { ...values, ...(!hasUid && { hosted_plan_name_uid: null }) });
  }
  if (rows.limits) await client.insert('namespace_limits', { namespace_id: id, ...rows.limits });
  for (const [index, level] of rows.shards.entries()) {
    await client.db.query(
      `INSERT INTO ci_namespace_monthly_usages (namespace_id, date, shard_number, notification_level)
       VALUES ($1, date_trunc('month', current_date), $2, $3)`,
      [id, index + 1, level],
    );
  }
  for (const { uid, id: pointsTo } of rows.purchases) {
    const ids = { none: null, dangling: '99999' };
    await seedPurchase(
      client,
      id,
      uid,
      pointsTo === 'its own' ? {} : { subscription_add_on_id: ids[pointsTo] },
    );
  }
  return id;
}

const some = <T>(model: Record<string, fc.Arbitrary<T>>) => fc.record(model, { requiredKeys: [] });

const units = fc.record(
  {
    quantity: fc.constantFrom(5, 7, INT4_MAX),
    started_on: fc.constant('2026-01-01'),
    expires_on: fc.constantFrom('2026-06-01', '2027-01-01'),
    purchase_xid: fc.constantFrom('A-OLD', 'A-1'),
    trial: fc.boolean(),
    new_subscription: fc.boolean(),
  },
  { requiredKeys: ['quantity', 'started_on', 'expires_on', 'purchase_xid'] },
);

/** An entry that may be refused, end a purchase, or have nothing to do. */
const anyUnits = fc.record(
  {
    quantity: fc.constantFrom(5, 0, -1, null, 'x'),
    started_on: fc.constant('2026-01-01'),
    expires_on: fc.constantFrom('2026-06-01', '2025-01-01'),
    purchase_xid: fc.constantFrom('A-1', ''),
    trial: fc.boolean(),
    new_subscription: fc.boolean(),
  },
  { requiredKeys: [] },
);

const NAMES = [
  'duo_pro',
  'code_suggestions',
  'duo_enterprise',
  'duo_core',
  'secrets_manager',
  'gitlab_credits',
];

const provisionOf = (element: fc.Arbitrary<unknown>, names: string[], size: fc.Arbitrary<unknown>) => ({
  base_product: some<unknown>({
    plan_code: plan,
    seats,
    max_seats_used: seats,
    start_date: start,
    end_date: end,
    trial: fc.constantFrom(true, false, null),
    trial_starts_on: fc.constant('2026-01-01'),
    trial_ends_on: fc.constant('2026-02-01'),
    auto_renew: fc.boolean(),
    contract_overages_allowed: fc.boolean(),
  }),
  storage: some<unknown>({
    additional_purchased_storage_size: size,
    additional_purchased_storage_ends_on: end,
  }),
  compute_minutes: some({
    shared_runners_minutes_limit: minutes,
    extra_shared_runners_minutes_limit: minutes,
  }),
  add_on_purchases: some(Object.fromEntries(names.map((name) => [name, element.map((sent) => [sent])]))),
});

const nonEmpty = <T extends object>(section: fc.Arbitrary<T>) =>
  section.filter((attrs) => Object.keys(attrs).length > 0);

/** A sync that asks something of every section, mostly right. */
export const wholeProvision = (() => {
  const sections = provisionOf(units, NAMES, size);
  return fc.record({
    base_product: nonEmpty(sections.base_product),
    storage: nonEmpty(sections.storage),
    compute_minutes: nonEmpty(sections.compute_minutes),
    add_on_purchases: nonEmpty(sections.add_on_purchases),
  });
})();

/** A sync of any sections, parts of which may be refused. */
export const someProvision = some<unknown>(
  provisionOf(fc.oneof(units, anyUnits), [...NAMES, 'future_feature'], fc.constantFrom(0, 1024, -1, null)),
);
