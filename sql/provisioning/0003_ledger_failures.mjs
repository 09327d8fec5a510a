import { concurrentIndex } from '../concurrentIndex.mjs';

// The newest syncs that did not succeed, for the audit pages: they may be rare among many that did.
export const { up, down } = concurrentIndex(
  'provisioning',
  'ledger_failures',
  `ledger (id) WHERE step = 'recordOutcome' AND result ->> 'status' IN ('error', 'failed', 'cancelled')`,
);
