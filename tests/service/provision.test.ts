import { expect, test } from '@jest/globals';
import { sharedService } from '../support/shared';

const client = sharedService();

const FULL = {
  base_product: { plan_code: 'ultimate', seats: 10, start_date: '2026-01-01', end_date: '2027-01-01' },
  storage: { additional_purchased_storage_size: 1024, additional_purchased_storage_ends_on: '2027-01-01' },
  compute_minutes: { shared_runners_minutes_limit: 50_000, extra_shared_runners_minutes_limit: 1000 },
  add_on_purchases: {
    duo_pro: [{ quantity: 5, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' }],
  },
};

test('a sync with four sections is applied to every table and answered 200', async () => {
  const id = await client.createNamespace();
  const answer = await client.provision(id, FULL, 1);
  expect(answer.body).toEqual({
    status: 'success',
    message: null,
    payload: {
      base_product: { status: 'success' },
      storage: { status: 'success' },
      compute_minutes: { status: 'success' },
      add_on_purchases: { status: 'success' },
    },
  });
  expect(answer.status).toBe(200);
  const rows = await client.snapshot(id);
  expect(rows['gitlab_subscriptions']).toMatchObject([{ seats: 10, hosted_plan_name_uid: 7 }]);
  expect(rows['namespace_limits']).toMatchObject([{ additional_purchased_storage_size: '1024' }]);
  expect(rows['namespaces']).toMatchObject([{ shared_runners_minutes_limit: 50_000 }]);
  expect(rows['subscription_add_on_purchases']).toMatchObject([{ quantity: 5, purchase_xid: 'A-1' }]);
});

test('a sync with one refused section writes nothing and is answered 422', async () => {
  const id = await client.createNamespace();
  const before = await client.snapshot(id);
  const answer = await client.provision(
    id,
    { ...FULL, storage: { additional_purchased_storage_size: null } },
    1,
  );
  expect(answer.status).toBe(422);
  expect(answer.body).toEqual({
    status: 'error',
    message: "Namespace limit additional purchased storage size can't be blank",
    payload: {
      base_product: { status: 'skipped' },
      storage: {
        status: 'error',
        message: "Namespace limit additional purchased storage size can't be blank",
      },
      compute_minutes: { status: 'skipped' },
      add_on_purchases: { status: 'skipped' },
    },
  });
  expect(await client.snapshot(id)).toEqual(before);
});
