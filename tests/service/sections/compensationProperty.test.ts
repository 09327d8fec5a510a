import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ServiceClient } from '../../support/client';
import { Faults } from './support/faults';
import { anyRows, seedRows, wholeProvision } from './support/anyRows';
import { everything, told } from './support/fixtures';
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

// After the writes of the step, so that it strikes whatever the step wrote, also when that is nothing.
const STEPS = ['updateSubscription', 'updateNamespaceLimits', 'upsertAddOnPurchases'];
const step = fc.constantFrom(...STEPS);
const sqlState = fc.constantFrom('P0001', '23514', '22003', '23505');

test('compensate: whatever was there, whatever is sent, whichever step is refused: every row is as it was before', async () => {
  let undone = 0;
  await fc.assert(
    fc.asyncProperty(anyRows, wholeProvision, step, sqlState, async (rows, sent, failing, refusal) => {
      const id = await seedRows(client, rows);
      const before = await everything(client, id);
      await faults.set(id, `ledger ${failing}`, refusal);
      const answer = await client.provision(id, sent);
      expect(answer.status).toBe(422);
      const entries = told(answer);
      // Unless the rules refused it, the sync came as far as that step, and the steps before had been applied.
      if (entries.some((entry) => entry?.includes('could not be saved'))) {
        const rolledBack = entries.filter((entry) => entry === 'rolled_back').length;
        expect(rolledBack).toBe([0, 1, 3][STEPS.indexOf(failing)]);
        undone += 1;
      }
      expect(await everything(client, id)).toEqual(before);
    }),
    { numRuns: 40 },
  );
  expect(undone).toBeGreaterThan(5);
}, 60_000);
