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

type Planned = Promise<SectionPlan & Partial<AddOnPlan>>;

/** What the rules say, by section. */
export type SectionPlans = Partial<Record<SectionName, Planned>>;

/** Begins to plan sections, in this order: what they read travels together. Whoever needs a plan awaits it. */
export function planAhead(
  sections: SectionName[],
  provision: Provision,
  context: SectionContext,
): SectionPlans {
  const plans: SectionPlans = {};
  for (const section of sections) {
    const plan = planSection(section, provision, context);
    plan.catch(() => undefined);
    plans[section] = plan;
  }
  return plans;
}

/**
 * Plans one asked section of a sync against the rows as they are now (contract 4).
 * @param planned what this transaction has planned for the section already; used unless rows that it needs are missing
 */
export async function planSection<Name extends SectionName>(
  name: Name,
  provision: Provision,
  context: SectionContext,
  planned?: Planned,
): Promise<SectionPlan> {
  const plan = await planned;
  if (plan && !plan.missingAddOns?.length) return plan;
  const asked = provision[name];
  if (!asked) throw new Error(`section ${name} is not asked`);
  const planner: PlanSection<Name> = PLANNERS[name];
  return planner(asked, context);
}
