import { findAddOnState } from '../../db/addOns';
import { addOnDescription } from '../../domain/addOns';
import { planAddOnPurchases } from '../../domain/addOnPurchases';
import type { AddOnMemory } from '../../domain/addOnState';
import type { PlanSection } from './section';

/** The add-on purchases of a namespace (contract 4.4). */
export const addOnPurchases: PlanSection<'add_on_purchases'> = async (asked, context) => {
  const { tx, schema, namespaceId, repeats, write } = context;
  const state = await findAddOnState(tx, schema, namespaceId);
  const memory = (repeats?.add_on_purchases as AddOnMemory | undefined) ?? null;
  const plan = planAddOnPurchases(asked, state, memory);
  if (!write || plan.missingAddOns.length === 0) return plan;

  // Rule 10: purchases need their catalogue rows first. Should another writer be faster, the step is run again.
  for (const addOn of plan.missingAddOns) {
    const values = { name: addOn, description: addOnDescription(addOn) };
    await write({ table: 'subscription_add_ons', key: null, values });
  }
  return planAddOnPurchases(asked, await findAddOnState(tx, schema, namespaceId), memory);
};
