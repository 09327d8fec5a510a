/** A value of a column: what the driver reads and writes. int8 and timestamps are strings, dates `YYYY-MM-DD`. */
type ColumnValue = string | number | boolean | null;

export type ColumnValues = Record<string, ColumnValue>;

/** The tables of GitLab that a sync may write. */
export type Table =
  | 'gitlab_subscriptions'
  | 'gitlab_subscription_histories'
  | 'namespaces'
  | 'namespace_settings'
  | 'namespace_limits'
  | 'ci_namespace_monthly_usages'
  | 'subscription_add_ons'
  | 'subscription_add_on_purchases';

/** The id of an add-on's catalogue row that does not exist yet: a write before this one creates it. */
interface IdOfAddOn {
  /** The number of the add-on. */
  idOfAddOn: number;
}

/**
 * One row to write. `key` names the existing row to update (its primary key); null inserts a new row.
 * `values` holds only the columns to write. The writer adds `created_at` and `updated_at` where the table has them, and
 * leaves out optional columns that the table does not have (any more).
 */
export interface Write {
  table: Table;
  key: Record<string, string> | null;
  values: Record<string, ColumnValue | IdOfAddOn>;
}

/** Follow-up work that GitLab starts after a section was applied (contract 4.6). */
export interface FollowUp {
  event: string;
  payload: Record<string, unknown>;
}

/**
 * What one section of a sync would do to the rows as they are now. Pure data: nothing has been written.
 * `messages` non-empty means that the section is refused; `writes` may then still hold what is valid
 * (add-ons under the policy `independent`, contract 4.4).
 */
export interface SectionPlan {
  messages: string[];
  writes: Write[];
  followUps: FollowUp[];
  /** The month's notification levels in the CI database are to be reset, where that is a database of its own. */
  resetsCiUsages?: boolean;
  /** What a repeat to come to the same rows (contract 5); recorded with the step. */
  memory?: object;
}

/**
 * The rules of one section (contract 4): what is asked, and the rows as they are, make a plan.
 * @param memory of an earlier run of the same sync; null: it is the first
 */
export type PlanSection<Asked, State> = (
  asked: Asked,
  state: State,
  clock: Clock,
  memory: object | null,
) => SectionPlan;

/** The time of the database transaction that the plan is made in. */
export interface Clock {
  /** `now()` as PostgreSQL prints it in UTC, e.g. `2026-02-13 10:20:30.123456+00`. */
  now: string;
  /** The UTC day, `YYYY-MM-DD`. */
  today: string;
}

/** Those of `values` that the row does not hold already; empty when everything is stored (contract 4). */
export function changedColumns<Value>(
  row: ColumnValues,
  values: Record<string, Value>,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).filter(([column, value]) => row[column] !== value));
}
