import type { ServiceClient } from '../../../support/client';
import type { State, Subscription } from './reference';

type Row = Record<string, unknown>;
/** Every row as PostgreSQL prints it, by table. */
export type Rows = Record<string, Row[]>;

/** What the database holds about a namespace: its rows, and what the reference model says of them. */
export async function observe(client: ServiceClient, id: string): Promise<{ rows: Rows; state: State }> {
  const rows: Rows = await client.snapshot(id);
  const plans = await client.rows<Row>('SELECT id, name, plan_name_uid FROM plans');
  const addOns = await client.rows<Row>('SELECT * FROM subscription_add_ons ORDER BY id');
  const fences = await client.rows<Row>('SELECT sync_id FROM provisioning.fences WHERE namespace_id = $1', [
    id,
  ]);
  const outbox = await client.outbox(id);

  const termOf = (row: Row) => {
    const plan = plans.find((candidate) => candidate['id'] === row['hosted_plan_id']) ?? null;
    // Two columns say which plan it is; one that says another is no plan of the model.
    const isAgreed = (plan?.['plan_name_uid'] ?? null) === row['hosted_plan_name_uid'];
    return {
      plan: isAgreed ? ((plan?.['name'] ?? null) as string | null) : 'hosted_plan_id is another',
      ...pick(row, TERM_COLUMNS),
    } as Omit<Subscription, 'seats_owed' | 'stamped'>;
  };
  const [subscription] = rows['gitlab_subscriptions'] ?? [];
  const [namespace = {}] = rows['namespaces'] ?? [];
  const [settings = {}] = rows['namespace_settings'] ?? [];
  const [limits] = rows['namespace_limits'] ?? [];
  const [usage = {}] = rows['ci_namespace_monthly_usages'] ?? [];
  const state: Record<keyof State, unknown> = {
    fence: fences[0]?.['sync_id'] === undefined ? null : numberOrNull(fences[0]['sync_id']),
    subscription: subscription
      ? {
          ...termOf(subscription),
          seats_owed: subscription['seats_owed'],
          stamped: subscription['max_seats_used_changed_at'] !== null,
        }
      : null,
    histories: (rows['gitlab_subscription_histories'] ?? []).map(termOf),
    seat_control: settings['seat_control'],
    prevents_sharing: settings['prevent_sharing_groups_outside_hierarchy'],
    duo_core: settings['duo_nano_features_enabled'],
    limits: limits
      ? {
          size: Number(limits['additional_purchased_storage_size']),
          ends_on: limits['additional_purchased_storage_ends_on'],
        }
      : null,
    minutes: {
      shared: namespace['shared_runners_minutes_limit'],
      extra: namespace['extra_shared_runners_minutes_limit'],
      notified: namespace['last_ci_minutes_notification_at'] !== null,
      notified_level: namespace['last_ci_minutes_usage_notification_level'],
    },
    usage_level: usage['notification_level'],
    purchases: (rows['subscription_add_on_purchases'] ?? []).map((row) => {
      const addOn = addOns.find((candidate) => candidate['id'] === row['subscription_add_on_id'])?.['name'];
      const isAgreed = addOn === row['subscription_add_on_uid'];
      return { add_on: isAgreed ? addOn : 'subscription_add_on_uid is another', ...pick(row, UNIT_COLUMNS) };
    }),
    outbox: Object.fromEntries(
      [...new Set(outbox.map(({ event }) => event))].map((event) => [
        event,
        outbox.filter((row) => row.event === event && row.released_at !== null).length,
      ]),
    ),
  };
  return { rows: { ...rows, outbox, subscription_add_ons: addOns }, state: state as unknown as State };
}

/** A namespace with every row that the model begins with. @returns its id */
export async function newNamespace(client: ServiceClient): Promise<string> {
  const id = await client.createNamespace();
  await client.db.query(
    `INSERT INTO ci_namespace_monthly_usages (namespace_id, date) VALUES ($1, date_trunc('month', current_date))`,
    [id],
  );
  return id;
}

const TERM_COLUMNS = [
  'start_date',
  'end_date',
  'trial',
  'trial_starts_on',
  'trial_ends_on',
  'seats',
  'max_seats_used',
  'seats_in_use',
  'auto_renew',
  'contract_overages_allowed',
];
const UNIT_COLUMNS = ['quantity', 'started_at', 'expires_on', 'purchase_xid', 'trial'];

function pick(row: Row, columns: string[]): Row {
  return Object.fromEntries(columns.map((column) => [column, row[column]]));
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
