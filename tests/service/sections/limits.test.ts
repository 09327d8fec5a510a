import { describe, expect, test } from '@jest/globals';
import { sharedService } from '../../support/shared';
import { events, only, stepTime } from './support/fixtures';

const client = sharedService();

async function sync(id: string, provision: Record<string, unknown>) {
  const answer = await client.provision(id, provision);
  expect(answer.body).toMatchObject({ status: 'success' });
  return answer;
}

describe('storage', () => {
  const limitsOf = (id: string) => only(client, 'namespace_limits', id);
  /** The columns of the table that no sync writes. */
  const UNTOUCHED = {
    first_enforced_at: null,
    last_enforced_at: null,
    last_seat_all_used_seats_notification_at: null,
    max_number_of_vulnerabilities_per_project: null,
    pre_enforcement_notification_at: null,
  };

  test('the limits row is built if it is missing', async () => {
    const id = await client.createNamespace();
    const sent = {
      additional_purchased_storage_size: 1024,
      additional_purchased_storage_ends_on: '2027-01-01',
    };
    await sync(id, { storage: sent });
    expect(await limitsOf(id)).toEqual({
      ...UNTOUCHED,
      namespace_id: id,
      ...sent,
      additional_purchased_storage_size: '1024',
    });
  });

  test('only an end date on a missing row makes a row of size 0', async () => {
    const id = await client.createNamespace();
    await sync(id, { storage: { additional_purchased_storage_ends_on: '2027-01-01' } });
    expect(await limitsOf(id)).toEqual({
      ...UNTOUCHED,
      namespace_id: id,
      additional_purchased_storage_size: '0',
      additional_purchased_storage_ends_on: '2027-01-01',
    });
  });

  test('an update keeps what was not sent; an end date of null means never', async () => {
    const id = await client.createNamespace();
    const before = await client.insert('namespace_limits', {
      namespace_id: id,
      additional_purchased_storage_size: 5,
      additional_purchased_storage_ends_on: '2026-06-01',
    });
    await sync(id, { storage: { additional_purchased_storage_size: Number.MAX_SAFE_INTEGER } });
    expect(await limitsOf(id)).toEqual({ ...before, additional_purchased_storage_size: '9007199254740991' });
    await sync(id, { storage: { additional_purchased_storage_ends_on: null } });
    expect(await limitsOf(id)).toMatchObject({
      additional_purchased_storage_size: '9007199254740991',
      additional_purchased_storage_ends_on: null,
    });
  });
});

describe('compute minutes', () => {
  const NOTIFIED = {
    last_ci_minutes_notification_at: '2026-02-13 10:20:30.123456+00',
    last_ci_minutes_usage_notification_level: 5,
  };
  const NOT_NOTIFIED = {
    last_ci_minutes_notification_at: null,
    last_ci_minutes_usage_notification_level: null,
  };
  const namespaceOf = (id: string) => only(client, 'namespaces', id);

  /** A namespace whose owners were notified, with usage of the last and, unless told otherwise, this month. */
  async function notifiedNamespace(values: { extra?: number; monthly?: number; thisMonth?: boolean } = {}) {
    const id = await client.createNamespace({
      shared_runners_minutes_limit: values.monthly ?? 100,
      extra_shared_runners_minutes_limit: values.extra ?? 10,
    });
    await client.db.query(
      `UPDATE namespaces SET last_ci_minutes_notification_at = $2, last_ci_minutes_usage_notification_level = $3,
         updated_at = '2026-01-01 01:02:03.000001' WHERE id = $1`,
      [id, ...Object.values(NOTIFIED)],
    );
    const months = values.thisMonth === false ? [1] : [1, 0];
    for (const ago of months) {
      await client.db.query(
        `INSERT INTO ci_namespace_monthly_usages (namespace_id, date, notification_level, amount_used)
         VALUES ($1, date_trunc('month', current_date - make_interval(months => $2)), 30, 70.5)`,
        [id, ago],
      );
    }
    return id;
  }
  const levelsOf = async (id: string) =>
    (
      await client.rows<{ notification_level: number }>(
        'SELECT notification_level FROM ci_namespace_monthly_usages WHERE namespace_id = $1 ORDER BY date DESC',
        [id],
      )
    ).map((row) => row.notification_level);

  test('changed extra minutes are stored, clear the notifications and set updated_at', async () => {
    const id = await notifiedNamespace();
    const before = await namespaceOf(id);
    await sync(id, { compute_minutes: { extra_shared_runners_minutes_limit: 20 } });
    const now = await stepTime(client, id, 'updateNamespaceLimits');
    expect(await namespaceOf(id)).toEqual({
      ...before,
      ...NOT_NOTIFIED,
      extra_shared_runners_minutes_limit: 20,
      updated_at: now.replace(/\+00$/, ''),
    });
  });

  test('a changed limit resets the notification level of this month, not of the last', async () => {
    const id = await notifiedNamespace();
    const [last, current] = (await client.snapshot(id))['ci_namespace_monthly_usages'] ?? [];
    await sync(id, { compute_minutes: { shared_runners_minutes_limit: 200 } });
    expect(await levelsOf(id)).toEqual([100, 30]);
    const after = (await client.snapshot(id))['ci_namespace_monthly_usages'];
    expect(after).toEqual([last, { ...current, notification_level: 100 }]);
  });

  test('no usage row is made where there is none for this month', async () => {
    const id = await notifiedNamespace({ thisMonth: false });
    await sync(id, { compute_minutes: { shared_runners_minutes_limit: 200 } });
    expect(await levelsOf(id)).toEqual([30]);
  });

  test('extra minutes of 0 clear the notifications too', async () => {
    const id = await notifiedNamespace();
    await sync(id, { compute_minutes: { extra_shared_runners_minutes_limit: 0 } });
    expect(await namespaceOf(id)).toMatchObject({ ...NOT_NOTIFIED, extra_shared_runners_minutes_limit: 0 });
  });

  test('a monthly limit alone, or extra minutes of null, leave the notifications', async () => {
    const [monthly, none] = await Promise.all([notifiedNamespace(), notifiedNamespace()]);
    await sync(monthly, { compute_minutes: { shared_runners_minutes_limit: null } });
    await sync(none, { compute_minutes: { extra_shared_runners_minutes_limit: null } });
    expect(await namespaceOf(monthly)).toMatchObject({ ...NOTIFIED, shared_runners_minutes_limit: null });
    expect(await namespaceOf(none)).toMatchObject({ ...NOTIFIED, extra_shared_runners_minutes_limit: null });
    expect(await levelsOf(none)).toEqual([100, 30]);
  });
});

test('limits that are stored already have no effect at all: no row, no time, no notification, no follow-up', async () => {
  const id = await client.createNamespace({
    shared_runners_minutes_limit: 100,
    extra_shared_runners_minutes_limit: 10,
  });
  await client.db.query(
    `UPDATE namespaces SET last_ci_minutes_notification_at = now(), last_ci_minutes_usage_notification_level = 5 WHERE id = $1`,
    [id],
  );
  await client.db.query(
    `INSERT INTO ci_namespace_monthly_usages (namespace_id, date, notification_level) VALUES ($1, date_trunc('month', current_date), 30)`,
    [id],
  );
  await client.insert('namespace_limits', { namespace_id: id, additional_purchased_storage_size: 7 });
  const before = await client.snapshot(id);
  const answer = await sync(id, {
    storage: { additional_purchased_storage_size: 7, additional_purchased_storage_ends_on: null },
    compute_minutes: { shared_runners_minutes_limit: '100', extra_shared_runners_minutes_limit: 10 },
  });
  expect(await client.snapshot(id)).toEqual(before);
  expect(await events(client, id, answer)).toEqual(['enable_code_review_flow']);
  expect(await client.ledger(id)).toMatchObject([
    { step: 'admitSync' },
    { step: 'updateNamespaceLimits', before: [], after: [], outbox_ids: '{}' },
    { step: 'recordOutcome' },
  ]);
});
