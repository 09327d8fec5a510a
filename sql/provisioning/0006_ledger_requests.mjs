import { concurrentIndex } from '../concurrentIndex.mjs';

// A request is looked for by its correlation id. Every run has one admission, so one row of it will do.
export const { up, down } = concurrentIndex(
  'provisioning',
  'ledger_requests',
  `ledger (correlation_id) WHERE step = 'admitSync'`,
);
