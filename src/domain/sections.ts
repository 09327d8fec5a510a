/** The sections of a sync, in the order in which they are answered and applied (contract 2 and 4). */
export const SECTIONS = ['base_product', 'storage', 'compute_minutes', 'add_on_purchases'] as const;

export type SectionName = (typeof SECTIONS)[number];

/** The steps of a sync in their order; each has a database transaction, and one that undoes it (contract 3 and 4). */
export const STEPS = [
  { step: 'updateSubscription', undo: 'restoreSubscription' },
  { step: 'updateNamespaceLimits', undo: 'restoreNamespaceLimits' },
  { step: 'upsertAddOnPurchases', undo: 'restoreAddOnPurchases' },
] as const;

export type Step = (typeof STEPS)[number];
export type StepName = Step['step'];
export type UndoName = Step['undo'];

/** The step of each section, and how `<label> could not be saved (…)` names it (contract 3). */
export const SECTION_FACTS: Record<SectionName, { step: StepName; label: string }> = {
  base_product: { step: 'updateSubscription', label: 'Gitlab subscription' },
  storage: { step: 'updateNamespaceLimits', label: 'Namespace limit' },
  compute_minutes: { step: 'updateNamespaceLimits', label: 'Compute minutes' },
  add_on_purchases: { step: 'upsertAddOnPurchases', label: 'Add-on purchases' },
};

/** The sections that a provision asks for, in the order in which they are applied (contract 4). */
export function askedSections(provision: object): SectionName[] {
  return SECTIONS.filter((section) => Object.hasOwn(provision, section));
}

/** The sections of a step that a provision asks for, in their order. */
export function sectionsOf({ step }: Step, provision: object): SectionName[] {
  return askedSections(provision).filter((name) => SECTION_FACTS[name].step === step);
}

/** The steps that a provision asks for, in their order. */
export function askedSteps(provision: object): Step[] {
  return STEPS.filter((step) => sectionsOf(step, provision).length > 0);
}

/** What a request asks for, as far as it can be told before it is checked. */
export function requestedProvision(request: unknown): object {
  const provision = (request as { provision?: unknown } | null)?.provision;
  return typeof provision === 'object' && provision !== null ? provision : {};
}
