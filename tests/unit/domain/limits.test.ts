import { describe, expect, test } from '@jest/globals';
import { planComputeMinutes, type ComputeMinutesState, planStorage } from '../../../src/domain/limits';
import { events } from './subscriptionFixtures';

const NOTHING = { messages: [], writes: [], followUps: [] };

describe('storage (contract 4.2)', () => {
  const row = {
    additional_purchased_storage_size: '100',
    additional_purchased_storage_ends_on: '2026-12-31',
  };
  const stored = { namespace_id: '9', row };
  const missing = { namespace_id: '9', row: null };

  test('writes what differs', () => {
    const attrs = {
      additional_purchased_storage_size: 200,
      additional_purchased_storage_ends_on: '2026-12-31',
    };
    expect(planStorage(attrs, stored)).toEqual({
      messages: [],
      writes: [
        {
          table: 'namespace_limits',
          key: { namespace_id: '9' },
          values: { additional_purchased_storage_size: '200' },
        },
      ],
      followUps: [],
    });
  });

  test('null for the end date is never', () => {
    const { writes } = planStorage({ additional_purchased_storage_ends_on: null }, stored);
    expect(writes[0]?.values).toEqual({ additional_purchased_storage_ends_on: null });
  });

  test('values that are stored already write nothing', () => {
    const attrs = {
      additional_purchased_storage_size: 100,
      additional_purchased_storage_ends_on: '2026-12-31',
    };
    expect(planStorage(attrs, stored)).toEqual(NOTHING);
  });

  test('builds a missing row, with size 0 when only the end date is sent', () => {
    expect(planStorage({ additional_purchased_storage_ends_on: '2026-12-31' }, missing).writes).toEqual([
      {
        table: 'namespace_limits',
        key: null,
        values: {
          namespace_id: '9',
          additional_purchased_storage_size: '0',
          additional_purchased_storage_ends_on: '2026-12-31',
        },
      },
    ]);
    expect(planStorage({ additional_purchased_storage_size: 5 }, missing).writes[0]?.values).toEqual({
      namespace_id: '9',
      additional_purchased_storage_size: '5',
    });
  });

  test.each<[number | null, string]>([
    [null, "can't be blank"],
    [-1, 'must be greater than or equal to 0'],
    [2 ** 53, 'must be less than or equal to 9007199254740991'],
  ])('size %p is refused: %s', (additional_purchased_storage_size, reason) => {
    for (const state of [stored, missing]) {
      expect(planStorage({ additional_purchased_storage_size }, state)).toEqual({
        ...NOTHING,
        messages: [`Namespace limit additional purchased storage size ${reason}`],
      });
    }
  });

  test('the largest size is 2^53 - 1', () => {
    const attrs = { additional_purchased_storage_size: 2 ** 53 - 1 };
    expect(planStorage(attrs, stored).writes[0]?.values).toEqual({
      additional_purchased_storage_size: '9007199254740991',
    });
  });
});

describe('compute minutes (contract 4.3)', () => {
  const notified = {
    last_ci_minutes_notification_at: '2026-06-01 00:00:00+00',
    last_ci_minutes_usage_notification_level: 30,
  };
  function stateWith(values: Partial<ComputeMinutesState> = {}): ComputeMinutesState {
    const namespace = {
      id: '9',
      shared_runners_minutes_limit: 400,
      extra_shared_runners_minutes_limit: 50,
      ...notified,
    };
    return { namespace, monthlyUsages: [{ id: '3', notification_level: 30 }], ...values };
  }

  test('a changed limit is written and opens the current month again', () => {
    expect(planComputeMinutes({ shared_runners_minutes_limit: 1000 }, stateWith())).toEqual({
      messages: [],
      writes: [
        { table: 'namespaces', key: { id: '9' }, values: { shared_runners_minutes_limit: 1000 } },
        { table: 'ci_namespace_monthly_usages', key: { id: '3' }, values: { notification_level: 100 } },
      ],
      followUps: [
        {
          event: 'refresh_compute_minutes',
          payload: {
            namespace_id: '9',
            shared_runners_minutes_limit: 1000,
            extra_shared_runners_minutes_limit: 50,
          },
        },
      ],
    });
  });

  test.each([0, 70])('extra minutes of %d clear the notifications and tick the runners', (extra) => {
    const plan = planComputeMinutes({ extra_shared_runners_minutes_limit: extra }, stateWith());
    expect(plan.writes[0]?.values).toEqual({
      extra_shared_runners_minutes_limit: extra,
      last_ci_minutes_notification_at: null,
      last_ci_minutes_usage_notification_level: null,
    });
    expect(events(plan)).toEqual(['tick_instance_runners', 'refresh_compute_minutes']);
  });

  test('extra minutes of null are stored as NULL, clear no notifications and tick no runner', () => {
    const plan = planComputeMinutes({ extra_shared_runners_minutes_limit: null }, stateWith());
    expect(plan.writes[0]?.values).toEqual({ extra_shared_runners_minutes_limit: null });
    expect(events(plan)).toEqual(['refresh_compute_minutes']);
  });

  test('shared minutes of null are stored as NULL', () => {
    const plan = planComputeMinutes({ shared_runners_minutes_limit: null }, stateWith());
    expect(plan.writes[0]?.values).toEqual({ shared_runners_minutes_limit: null });
  });

  test('another limit changed beside extra minutes as stored clears the notifications and ticks the runners', () => {
    const attrs = { shared_runners_minutes_limit: 1000, extra_shared_runners_minutes_limit: 50 };
    const plan = planComputeMinutes(attrs, stateWith());
    expect(plan.writes[0]?.values).toMatchObject({ last_ci_minutes_notification_at: null });
    expect(events(plan)).toEqual(['tick_instance_runners', 'refresh_compute_minutes']);
  });

  test('a re-send of what is stored has no effect', () => {
    const attrs = { shared_runners_minutes_limit: 400, extra_shared_runners_minutes_limit: 50 };
    expect(planComputeMinutes(attrs, stateWith())).toEqual(NOTHING);
  });

  test.each([[[]], [[{ id: '3', notification_level: 100 }]]])('month %j is not written', (monthlyUsages) => {
    const plan = planComputeMinutes({ shared_runners_minutes_limit: 1 }, stateWith({ monthlyUsages }));
    expect(plan.writes.map(({ table }) => table)).toEqual(['namespaces']);
    expect(plan).not.toHaveProperty('resetsCiUsages');
  });

  test('every shard of the month that is not open is opened', () => {
    const monthlyUsages = [3, 4, 5].map((id) => ({ id: String(id), notification_level: id === 4 ? 100 : 0 }));
    const plan = planComputeMinutes({ shared_runners_minutes_limit: 1 }, stateWith({ monthlyUsages }));
    expect(plan.writes.slice(1).map(({ key }) => key)).toEqual([{ id: '3' }, { id: '5' }]);
  });

  test('a month in another database is reset there, when a limit changes', () => {
    const state = stateWith({ monthlyUsages: null });
    expect(planComputeMinutes({ shared_runners_minutes_limit: 1 }, state)).toMatchObject({
      writes: [{ table: 'namespaces' }],
      resetsCiUsages: true,
    });
    expect(planComputeMinutes({ shared_runners_minutes_limit: 400 }, state)).toEqual(NOTHING);
  });

  test('numbers out of range are refused with one prefix', () => {
    const attrs = { shared_runners_minutes_limit: 2147483648, extra_shared_runners_minutes_limit: -1 };
    expect(planComputeMinutes(attrs, stateWith())).toEqual({
      ...NOTHING,
      messages: [
        'Validation failed: Shared runners minutes limit must be less than or equal to 2147483647, ' +
          'Extra shared runners minutes limit must be greater than or equal to 0',
      ],
    });
  });
});
