import { askedSections } from './askedSections';
import type { SectionName } from './sections';

/** The steps of a sync in their order; each has a database transaction and one that undoes it (contract 3, 4). */
export const STEPS = [
  { step: 'updateSubscription', undo: 'restoreSubscription', sections: ['base_product'] },
  { step: 'updateNamespaceLimits', undo: 'restoreNamespaceLimits', sections: ['storage', 'compute_minutes'] },
  { step: 'upsertAddOnPurchases', undo: 'restoreAddOnPurchases', sections: ['add_on_purchases'] },
] as const satisfies readonly { step: string; undo: string; sections: readonly SectionName[] }[];

/** A step and the sections that belong to it. */
export type Step = (typeof STEPS)[number];
export type StepName = Step['step'];
export type UndoName = Step['undo'];

/** The steps that a provision asks for, in their order. */
export function askedSteps(provision: object): Step[] {
  return STEPS.filter((step) => sectionsOf(step, provision).length > 0);
}

/** Whether a step is the last one that a provision asks for: it records the outcome. */
export function isLastStep(step: Step, provision: object): boolean {
  return askedSteps(provision).at(-1) === step;
}

/** The sections of a step that a provision asks for, in their order. */
export function sectionsOf({ sections }: Step, provision: object): SectionName[] {
  return askedSections(provision).filter((name) => sections.some((own) => own === name));
}

/** How a section is called in `<label> could not be saved (…)` (contract 3). */
export const SECTION_LABELS: Record<SectionName, string> = {
  base_product: 'Gitlab subscription',
  storage: 'Namespace limit',
  compute_minutes: 'Compute minutes',
  add_on_purchases: 'Add-on purchases',
};
