import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ServiceClient } from '../../support/client';
import { Faults } from './support/faults';
import { everything, seedPurchase, seedSubscription, told } from './support/fixtures';
import { startOwnService, type OwnService } from './support/ownService';

let own: OwnService;
let client: ServiceClient;
let faults: Faults;
beforeAll(async () => {
  own = await startOwnService('sections_property');
  client = own.client;
  faults = await Faults.install(client);
});
afterAll(() => own.stop());

// Few values, so that what is stored and what is sent are often the same.
const plan = fc.constantFrom('free', 'premium', 'ultimate', 'ultimate_trial_paid_customer');
const seats = fc.constantFrom(0, 5, 12);
const start = fc.constantFrom('2025-01-01', '2026-01-01');
const end = fc.constantFrom('2026-01-01', '2027-01-01', null);
const minutes = fc.constantFrom(0, 100, 500, null);
const size = fc.constantFrom(0, 1024);
const some = <T>(model: Record<string, fc.Arbitrary<T>>) => fc.record(model, { requiredKeys: [] });
const someOrNone = <T>(row: fc.Arbitrary<T>) => fc.option(row, { nil: null });

const stored = fc.record({
  subscription: someOrNone(
    fc.record({ plan, seats, start_date: start, end_date: end, trial: fc.constant(false) }),
  ),
  settings: someOrNone(
    fc.record({
      duo_nano_features_enabled: fc.constantFrom(true, false, null),
      seat_control: fc.constantFrom(0, 2),
    }),
  ),
  limits: someOrNone(
    fc.record({ additional_purchased_storage_size: size, additional_purchased_storage_ends_on: end }),
  ),
  minutes: fc.record({ shared_runners_minutes_limit: minutes, extra_shared_runners_minutes_limit: minutes }),
  usage: someOrNone(fc.constantFrom(30, 100)),
  purchases: fc
    .subarray([1, 2, 5])
    .chain((others) => fc.constantFrom(others, [3, ...others.filter((name) => name !== 1)])),
});

const units = fc.record(
  {
    quantity: fc.constantFrom(5, 7),
    started_on: fc.constant('2026-01-01'),
    expires_on: fc.constantFrom('2026-06-01', '2027-01-01'),
    purchase_xid: fc.constantFrom('A-OLD', 'A-1'),
    trial: fc.boolean(),
    new_subscription: fc.boolean(),
  },
  { requiredKeys: ['quantity', 'started_on', 'expires_on', 'purchase_xid'] },
);
const nonEmpty = <T extends object>(section: fc.Arbitrary<T>) =>
  section.filter((attrs) => Object.keys(attrs).length > 0);

const provision = fc.record({
  base_product: nonEmpty(
    some<unknown>({
      plan_code: plan,
      seats,
      max_seats_used: seats,
      start_date: start,
      end_date: end,
      auto_renew: fc.boolean(),
      contract_overages_allowed: fc.boolean(),
    }),
  ),
  storage: nonEmpty(
    some<unknown>({ additional_purchased_storage_size: size, additional_purchased_storage_ends_on: end }),
  ),
  compute_minutes: nonEmpty(
    some({ shared_runners_minutes_limit: minutes, extra_shared_runners_minutes_limit: minutes }),
  ),
  add_on_purchases: nonEmpty(
    some(
      Object.fromEntries(
        ['duo_pro', 'duo_enterprise', 'duo_core', 'secrets_manager', 'gitlab_credits'].map((name) => [
          name,
          units.map((element) => [element]),
        ]),
      ),
    ),
  ),
});

// After the writes of the step, so that it strikes whatever the step wrote, also when that is nothing.
const STEPS = ['updateSubscription', 'updateNamespaceLimits', 'upsertAddOnPurchases'];
const step = fc.constantFrom(...STEPS);
const sqlState = fc.constantFrom('P0001', '23514', '22003', '23505');

/** The rules would refuse it, before anything is written. */
function endsBeforeItStarts({
  start_date = '2999-01-01',
  end_date = null,
}: Record<string, unknown>): boolean {
  return end_date !== null && (end_date as string) < (start_date as string);
}

async function seed(rows: typeof stored extends fc.Arbitrary<infer T> ? T : never): Promise<string> {
  const id = await client.createNamespace({ ...rows.minutes, settings: rows.settings });
  if (rows.subscription) {
    const { plan: name, ...values } = rows.subscription;
    await seedSubscription(client, id, name, values);
  }
  if (rows.limits) await client.insert('namespace_limits', { namespace_id: id, ...rows.limits });
  if (rows.usage !== null) {
    await client.db.query(
      `INSERT INTO ci_namespace_monthly_usages (namespace_id, date, notification_level)
       VALUES ($1, date_trunc('month', current_date), $2)`,
      [id, rows.usage],
    );
  }
  for (const addOn of rows.purchases) await seedPurchase(client, id, addOn);
  return id;
}

test('compensate: whatever was there, whatever is sent, whichever step is refused: every row is as it was before', async () => {
  await fc.assert(
    fc.asyncProperty(stored, provision, step, sqlState, async (rows, sent, failing, refusal) => {
      fc.pre(!endsBeforeItStarts({ ...rows.subscription, ...sent.base_product }));
      const id = await seed(rows);
      const before = await everything(client, id);
      await faults.set(id, `ledger ${failing}`, refusal);
      const answer = await client.provision(id, sent);
      expect(answer.status).toBe(422);
      // Proves that the sync came as far as that step, and that the steps before had been applied.
      const entries = told(answer);
      const rolledBack = entries.filter((entry) => entry === 'rolled_back').length;
      expect(rolledBack).toBe([0, 1, 3][STEPS.indexOf(failing)]);
      expect(entries.filter((entry) => entry?.includes('could not be saved')).length).toBeGreaterThan(0);
      expect(await everything(client, id)).toEqual(before);
    }),
    { numRuns: 25 },
  );
}, 60_000);
