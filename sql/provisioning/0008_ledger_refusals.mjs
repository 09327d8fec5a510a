import { concurrentIndex } from '../concurrentIndex.mjs';

// The few steps and outcomes of which the database refused something, for people.
export const { up, down } = concurrentIndex(
  'provisioning',
  'ledger_refusals',
  `ledger (id) WHERE result ? 'refusals'`,
);
