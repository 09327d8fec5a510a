import { concurrentIndex } from '../concurrentIndex.mjs';

// Released follow-up work that no relay has taken up.
export const { up, down } = concurrentIndex(
  'provisioning',
  'outbox_unrelayed',
  'outbox (event, id) WHERE released_at IS NOT NULL AND relayed_at IS NULL',
);
