import { planUid } from '../../../../src/domain/catalogue';
import type { HttpAnswer, ServiceClient } from '../../../support/client';

type Row = Record<string, unknown>;

/** A UTC day, `YYYY-MM-DD`. @param offset in days from today */
export function day(offset = 0): string {
  return new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
}

/** Primary key of a plan; null where GitLab has no such table any more. */
async function planId(client: ServiceClient, name: string | null): Promise<string | null> {
  if (!client.hasTable('plans')) return null;
  const [plan] = await client.rows<{ id: string }>('SELECT id FROM plans WHERE name = $1', [name]);
  return plan?.id ?? null;
}

/** The columns that say which plan a subscription has. */
export async function planColumns(client: ServiceClient, name: string | null): Promise<Row> {
  const hosted_plan_name_uid = name === null ? null : planUid(name);
  return {
    hosted_plan_name_uid,
    ...(client.hasTable('plans') && { hosted_plan_id: await planId(client, name) }),
  };
}

/** A subscription of 10 seats, 8 in use, that runs and was written long ago. @param plan null for none */
export async function seedSubscription(
  client: ServiceClient,
  namespaceId: string,
  plan: string | null,
  values: Row = {},
): Promise<Row> {
  return client.insert('gitlab_subscriptions', {
    namespace_id: namespaceId,
    ...(await planColumns(client, plan)),
    start_date: '2026-01-01',
    end_date: '2999-01-01',
    seats: 10,
    max_seats_used: 9,
    seats_in_use: 8,
    seats_owed: 1,
    auto_renew: true,
    trial_extension_type: 1,
    max_seats_used_changed_at: '2026-01-05 10:20:30.123456+00',
    last_seat_refresh_at: '2026-01-06 10:20:30.654321+00',
    created_at: '2026-01-01 01:02:03.000001+00',
    updated_at: '2026-01-07 01:02:03.000009+00',
    ...values,
  });
}

/** A purchase of 5 units for a year, written long ago. @param addOn its number */
export async function seedPurchase(
  client: ServiceClient,
  namespaceId: string,
  addOn: number,
  values: Row = {},
): Promise<Row> {
  if (client.hasTable('subscription_add_ons')) {
    await client.db.query(
      `INSERT INTO subscription_add_ons (name, description, created_at, updated_at)
       VALUES ($1, 'An add-on.', now(), now()) ON CONFLICT DO NOTHING`,
      [addOn],
    );
  }
  return client.insert('subscription_add_on_purchases', {
    ...(await addOnColumns(client, addOn)),
    namespace_id: namespaceId,
    organization_id: 1,
    quantity: 5,
    started_at: '2026-01-01',
    expires_on: '2027-01-01',
    purchase_xid: 'A-OLD',
    created_at: '2026-01-01 01:02:03.000001+00',
    updated_at: '2026-01-07 01:02:03.000009+00',
    ...values,
  });
}

/** Primary key of a catalogue row; null where GitLab has no such table any more. @param addOn its number */
async function addOnId(client: ServiceClient, addOn: number): Promise<string | null> {
  if (!client.hasTable('subscription_add_ons')) return null;
  const [row] = await client.rows<{ id: string }>('SELECT id FROM subscription_add_ons WHERE name = $1', [
    addOn,
  ]);
  return row?.id ?? null;
}

/** The columns that say which add-on a purchase is of. @param addOn its number */
export async function addOnColumns(client: ServiceClient, addOn: number): Promise<Row> {
  const subscription_add_on_uid = addOn;
  if (!client.hasTable('subscription_add_ons')) return { subscription_add_on_uid };
  return { subscription_add_on_uid, subscription_add_on_id: await addOnId(client, addOn) };
}

/** The row of a table that a namespace has at most one of. */
export async function only(
  client: ServiceClient,
  table: string,
  namespaceId: string,
): Promise<Row | undefined> {
  return (await client.snapshot(namespaceId))[table]?.[0];
}

/** The time of the transaction of a namespace's last run of a step, as a `timestamptz` column shows it. */
export async function stepTime(client: ServiceClient, namespaceId: string, step: string): Promise<string> {
  const rows = await client.rows<{ created_at: string }>(
    'SELECT created_at FROM provisioning.ledger WHERE namespace_id = $1 AND step = $2 ORDER BY id DESC LIMIT 1',
    [namespaceId, step],
  );
  return rows[0]?.created_at ?? '';
}

/** Everything that a sync may write but for its audit trail. Only in a database of its own: the catalogue is shared. */
export async function everything(
  client: ServiceClient,
  namespaceId: string,
): Promise<Record<string, unknown>> {
  return {
    ...(await client.snapshot(namespaceId)),
    outbox: await client.outbox(namespaceId),
    subscription_add_ons: client.hasTable('subscription_add_ons')
      ? await client.rows('SELECT * FROM subscription_add_ons ORDER BY id')
      : [],
  };
}

/** The events of one run, in order; those that consumers do not see yet with a question mark. */
export async function events(
  client: ServiceClient,
  namespaceId: string,
  answer: HttpAnswer,
): Promise<string[]> {
  const runId = answer.headers.get('x-provision-run-id');
  const rows = await client.outbox(namespaceId);
  return rows
    .filter((row) => row.run_id === runId)
    .map(({ event, released_at }) => (released_at === null ? `${event}?` : event));
}

/** Asks again and again until something is there. The test's own time-out ends it. */
export async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The answer's sections in short: `success`, `rolled_back`, `skipped`, null, or the error's message. */
export function told({ body }: HttpAnswer): (string | null)[] {
  return Object.values(body.payload).map((entry) =>
    entry === null ? null : entry.status === 'error' ? entry.message : entry.status,
  );
}
