import type { BaseProduct } from './provision';

/** A plan as `plans` has it. */
export interface HostedPlan {
  /** int8 as text. */
  id: string;
  name: string;
  plan_name_uid: number;
}

/** A row of `gitlab_subscriptions`. Dates are `YYYY-MM-DD`, timestamps as PostgreSQL prints them in UTC, int8 text. */
export type SubscriptionRow = {
  id: string;
  namespace_id: string;
  hosted_plan_id: string | null;
  hosted_plan_name_uid: number | null;
  start_date: string | null;
  end_date: string | null;
  trial_starts_on: string | null;
  trial_ends_on: string | null;
  seats: number | null;
  max_seats_used: number | null;
  seats_in_use: number;
  seats_owed: number;
  trial: boolean | null;
  auto_renew: boolean | null;
  trial_extension_type: number | null;
  contract_overages_allowed: boolean;
  max_seats_used_changed_at: string | null;
  last_seat_refresh_at: string | null;
  created_at: string;
  updated_at: string;
};

/** The columns that the section can set, directly or by the plan's name; null where NULL is asked for. */
export type SubscriptionColumns = Pick<
  SubscriptionRow,
  | 'hosted_plan_id'
  | 'hosted_plan_name_uid'
  | 'start_date'
  | 'end_date'
  | 'trial_starts_on'
  | 'trial_ends_on'
  | 'seats'
  | 'max_seats_used'
  | 'trial'
  | 'auto_renew'
> & { contract_overages_allowed: boolean | null };

/** What planSubscription needs to know of the database. */
export interface SubscriptionState {
  namespace_id: string;
  /** The namespace's subscription; null when there is none yet. */
  row: SubscriptionRow | null;
  /** The plan named by `askedPlanName`; null when there is no such plan. Not looked at when no plan was sent. */
  askedPlan: HostedPlan | null;
  /** Name of the row's own plan; null without a row or a plan. */
  currentPlanName: string | null;
  /** Dates of the newest history row with the plan `premium`; null when there is none. */
  lastPremium: { start_date: string | null; end_date: string | null } | null;
  /** `namespace_settings.seat_control`; null without a settings row. */
  seat_control: number | null;
  /** Members that count as seats now. */
  billableMembers: number;
}

/** The plan to look up: undefined when the section does not mention the plan, `free` for null (contract 1.3). */
export function askedPlanName(attrs: BaseProduct): string | undefined {
  return attrs.plan_code === null ? 'free' : attrs.plan_code;
}
