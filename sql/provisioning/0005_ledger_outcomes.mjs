import { concurrentIndex } from '../concurrentIndex.mjs';

// A repeat of a sync looks for its earlier run.
export const { up, down } = concurrentIndex(
  'provisioning',
  'ledger_outcomes',
  `ledger (namespace_id, sync_id, id) WHERE step = 'recordOutcome'`,
);
