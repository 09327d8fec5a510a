import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ServiceClient } from '../../support/client';
import { sharedService } from '../../support/shared';
import { anyRows, seedRows, someProvision } from './support/anyRows';
import { planColumns, seedSubscription } from './support/fixtures';

const clients = { compensate: sharedService(), independent: sharedService('independent') };

const POLICIES = ['compensate', 'independent'] as const;

/** All that a sync leaves but for its audit trail: GitLab's rows, and what consumers see of the outbox. */
async function leftBy(client: ServiceClient, id: string) {
  return { rows: await client.snapshot(id), outbox: await client.outbox(id) };
}

describe('the same sync sent twice leaves what the first left (contract 5)', () => {
  test.each(POLICIES)(
    '%s: whatever was there and whatever is sent',
    async (policy) => {
      const client = clients[policy];
      const statuses = new Set<number>();
      await fc.assert(
        fc.asyncProperty(anyRows, someProvision, async (rows, sent) => {
          const id = await seedRows(client, rows);
          const first = await client.provision(id, sent, 7);
          const left = await leftBy(client, id);
          const second = await client.provision(id, sent, 7);
          expect(second.text).toBe(first.text);
          expect(await leftBy(client, id)).toEqual(left);
          await client.provision(id, sent, 7);
          expect(await leftBy(client, id)).toEqual(left);
          statuses.add(first.status);
        }),
        { numRuns: 60 },
      );
      expect([...statuses].sort()).toEqual([200, 422]);
    },
    120_000,
  );

  test('also where a reset has overridden the max_seats_used that was sent: one history row', async () => {
    const client = clients.compensate;
    const id = await client.createNamespace();
    const term2025 = { start_date: '2025-01-01', end_date: '2026-01-01' };
    await seedSubscription(client, id, 'premium', { ...term2025, max_seats_used: 19, seats_in_use: 3 });
    const sent = { base_product: { max_seats_used: 19, start_date: '2026-01-01', end_date: '2027-01-01' } };
    for (let time = 1; time <= 3; time += 1) {
      expect((await client.provision(id, sent, 7)).status).toBe(200);
      const { gitlab_subscriptions, gitlab_subscription_histories } = await client.snapshot(id);
      expect(gitlab_subscriptions).toMatchObject([{ max_seats_used: 3 }]);
      expect(gitlab_subscription_histories).toHaveLength(1);
    }
  });

  test('but what somebody has changed since is put right, still without the overridden value', async () => {
    const client = clients.compensate;
    const id = await client.createNamespace();
    const term2025 = { start_date: '2025-01-01', end_date: '2026-01-01' };
    await seedSubscription(client, id, 'premium', { ...term2025, max_seats_used: 19, seats_in_use: 3 });
    const sent = {
      base_product: { max_seats_used: 19, start_date: '2026-01-01', end_date: '2027-01-01', seats: 10 },
    };
    await client.provision(id, sent, 7);
    await client.rows(
      'UPDATE gitlab_subscriptions SET seats = 6, max_seats_used = 4 WHERE namespace_id = $1',
      [id],
    );
    expect((await client.provision(id, sent, 7)).status).toBe(200);
    expect((await client.snapshot(id))['gitlab_subscriptions']).toMatchObject([
      { seats: 10, max_seats_used: 4 },
    ]);
  });

  test('another body under the same id is another sync', async () => {
    const client = clients.compensate;
    const id = await client.createNamespace();
    await client.provision(id, { base_product: { plan_code: 'premium', seats: 5 } }, 7);
    await client.provision(id, { base_product: { plan_code: 'premium', seats: 6 } }, 7);
    expect((await client.snapshot(id))['gitlab_subscriptions']).toMatchObject([
      { seats: 6, ...(await planColumns(client, 'premium')) },
    ]);
    const reviews = (await client.outbox(id)).filter(({ event }) => event === 'enable_code_review_flow');
    expect(reviews).toHaveLength(2);
  });

  test('without an id each request is applied for itself', async () => {
    const client = clients.compensate;
    const id = await client.createNamespace();
    await client.provision(id, {});
    await client.provision(id, {});
    expect((await client.outbox(id)).map(({ event }) => event)).toEqual([
      'enable_code_review_flow',
      'enable_code_review_flow',
    ]);
  });
});
