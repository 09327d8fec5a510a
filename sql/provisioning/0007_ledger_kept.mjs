import { concurrentIndex } from '../concurrentIndex.mjs';

// The few compensations that left rows as they were, for people.
export const { up, down } = concurrentIndex(
  'provisioning',
  'ledger_kept',
  `ledger (undone_at) WHERE undo_result -> 'kept' <> '[]'`,
);
