import { findSubscription } from '../../db/subscriptions';
import { askedPlanUid, planSubscription, type SubscriptionMemory } from '../../domain/subscription';
import type { PlanSection } from './section';

/** The subscription of a namespace (contract 4.1). */
export const baseProduct: PlanSection<'base_product'> = async (asked, context) => {
  const { tx, schema, namespaceId, clock, repeats, billableMembers } = context;
  const found = await findSubscription(tx, schema, namespaceId, askedPlanUid(asked) ?? null);
  const state = { ...found, billableMembers: billableMembers(found.row ?? { seats_in_use: 0 }) };
  const memory = (repeats?.base_product as SubscriptionMemory | undefined) ?? null;
  return planSubscription(asked, state, await clock, memory);
};
