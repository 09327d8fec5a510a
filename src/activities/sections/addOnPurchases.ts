import { findAddOnState } from '../../db/addOns';
import { addOnDescription } from '../../domain/addOnNames';
import { planAddOnPurchases } from '../../domain/addOnPurchases';
import type { PlanSection } from './section';

/** The add-on purchases of a namespace (contract 4.4). */
export const addOnPurchases: PlanSection<'add_on_purchases'> = async (asked, { tx, namespaceId, write }) => {
  const state = await findAddOnState(tx, namespaceId);
  const plan = planAddOnPurchases(asked, state);
  if (!write || plan.missingAddOns.length === 0) return plan;

  // Rule 10: purchases need their catalogue rows first. Should another writer be faster, the step is run again.
  for (const addOn of plan.missingAddOns) {
    const values = { name: addOn, description: addOnDescription(addOn) };
    await write({ table: 'subscription_add_ons', key: null, values });
  }
  return planAddOnPurchases(asked, await findAddOnState(tx, namespaceId));
};
