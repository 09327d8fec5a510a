import type { AddOnPlan } from '../../domain/addOnState';
import type { SectionPlan } from '../../domain/plan';
import type { Provision } from '../../domain/provision';
import type { SectionName } from '../../domain/sections';
import { addOnPurchases } from './addOnPurchases';
import { baseProduct } from './baseProduct';
import { computeMinutes } from './computeMinutes';
import type { PlanSection, SectionContext } from './section';
import { storage } from './storage';

const PLANNERS: { [Name in SectionName]: PlanSection<Name> } = {
  base_product: baseProduct,
  storage,
  compute_minutes: computeMinutes,
  add_on_purchases: addOnPurchases,
};

/** What the rules said, by section. */
export type SectionPlans = Partial<Record<SectionName, SectionPlan>>;

/**
 * Plans one asked section of a sync against the rows as they are now (contract 4).
 * @param planned what this transaction has planned for the section already; used unless rows that it needs are missing
 */
export async function planSection<Name extends SectionName>(
  name: Name,
  provision: Provision,
  context: SectionContext,
  planned?: SectionPlan & Partial<AddOnPlan>,
): Promise<SectionPlan> {
  if (planned && !planned.missingAddOns?.length) return planned;
  const asked = provision[name];
  if (!asked) throw new Error(`section ${name} is not asked`);
  const planner: PlanSection<Name> = PLANNERS[name];
  return planner(asked, context);
}
