import { findSubscription } from '../../db/subscriptions';
import { planSubscription } from '../../domain/subscription';
import { askedPlanName } from '../../domain/subscriptionState';
import type { PlanSection } from './section';

/** The subscription of a namespace (contract 4.1). */
export const baseProduct: PlanSection<'base_product'> = async (asked, context) => {
  const { tx, namespaceId, clock, billableMembers } = context;
  const found = await findSubscription(tx, namespaceId, askedPlanName(asked) ?? null);
  const state = {
    ...found,
    namespace_id: namespaceId,
    billableMembers: billableMembers(found.row ?? { seats_in_use: 0 }),
  };
  return planSubscription(asked, state, await clock);
};
