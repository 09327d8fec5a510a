import type { NamespaceSettings } from './namespaceSettings';

/** A row of `gitlab_subscriptions`. Dates are `YYYY-MM-DD`, timestamps as PostgreSQL prints them in UTC, int8 text. */
export type SubscriptionRow = {
  id: string;
  namespace_id: string;
  /** Null also where the table has no such column any more (contract 7). */
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

/** The columns that the section can set; null where NULL is asked for. The plan is its number (contract 4.1, rule 4). */
export type SubscriptionColumns = Pick<
  SubscriptionRow,
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
  namespace: { id: string; type: string };
  /** The namespace's subscription; null when there is none yet. */
  row: SubscriptionRow | null;
  /** The number of the row's plan, also where only its `hosted_plan_id` names it; null without a row or a plan. */
  planUid: number | null;
  /** The id in `plans` of the asked plan; null where it has none, or none was asked. Only written along. */
  askedPlanId: string | null;
  /** Dates of the newest history row with the plan `premium`; null when there is none. */
  lastPremium: { start_date: string | null; end_date: string | null } | null;
  /** Null without a settings row. */
  settings: NamespaceSettings | null;
  /** Members that count as seats now. */
  billableMembers: number;
}
