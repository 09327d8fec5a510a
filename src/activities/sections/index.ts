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

/** Plans one asked section of a sync against the rows as they are now (contract 4). */
export function planSection<Name extends SectionName>(
  name: Name,
  provision: Provision,
  context: SectionContext,
): Promise<SectionPlan> {
  const asked = provision[name];
  if (!asked) throw new Error(`section ${name} is not asked`);
  const planner: PlanSection<Name> = PLANNERS[name];
  return planner(asked, context);
}
