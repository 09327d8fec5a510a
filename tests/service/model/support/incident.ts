/** The incident customers-gitlab-com#12667: two provisions of one namespace, a downgrade and an upgrade. */

/** What a payload makes of the namespace, read back. */
export interface Held {
  plan: string | null;
  seats: number | null;
  minutes: number | null;
  storage: string | null;
}

export interface Payload {
  name: 'downgrade' | 'upgrade';
  provision: {
    base_product: { plan_code: string; seats: number; start_date: string; end_date: string | null };
    storage: {
      additional_purchased_storage_size: number;
      additional_purchased_storage_ends_on: string | null;
    };
    compute_minutes: {
      shared_runners_minutes_limit: number;
      extra_shared_runners_minutes_limit: number;
    };
  };
  held: Held;
}

export const DOWNGRADE: Payload = {
  name: 'downgrade',
  provision: {
    base_product: { plan_code: 'free', seats: 0, start_date: '2026-01-01', end_date: null },
    storage: { additional_purchased_storage_size: 0, additional_purchased_storage_ends_on: null },
    compute_minutes: { shared_runners_minutes_limit: 400, extra_shared_runners_minutes_limit: 0 },
  },
  held: { plan: 'free', seats: 0, minutes: 400, storage: '0' },
};

export const UPGRADE: Payload = {
  name: 'upgrade',
  provision: {
    base_product: { plan_code: 'ultimate', seats: 50, start_date: '2026-01-01', end_date: '2999-01-01' },
    storage: {
      additional_purchased_storage_size: 10_240,
      additional_purchased_storage_ends_on: '2999-01-01',
    },
    compute_minutes: { shared_runners_minutes_limit: 50_000, extra_shared_runners_minutes_limit: 1_000 },
  },
  held: { plan: 'ultimate', seats: 50, minutes: 50_000, storage: '10240' },
};

export const PAYLOADS = [DOWNGRADE, UPGRADE];

/** One statement, so one moment. Parameter: the namespace's id. */
export const HELD = `
  SELECT plans.name AS plan, subscription.seats, namespaces.shared_runners_minutes_limit AS minutes,
    limits.additional_purchased_storage_size AS storage
  FROM namespaces
  LEFT JOIN gitlab_subscriptions AS subscription ON subscription.namespace_id = namespaces.id
  LEFT JOIN plans ON plans.id = subscription.hosted_plan_id
  LEFT JOIN namespace_limits AS limits ON limits.namespace_id = namespaces.id
  WHERE namespaces.id = $1`;

/** The oracle: whose values the namespace holds, all of them; null is a mixed state. */
export function ownerOf(held: Held | undefined): Payload | null {
  return PAYLOADS.find((payload) => same(payload.held, held)) ?? null;
}

function same(one: Held, other: Held | undefined): boolean {
  return (Object.keys(one) as (keyof Held)[]).every((key) => one[key] === other?.[key]);
}
