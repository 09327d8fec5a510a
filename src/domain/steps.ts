import type { SectionName } from './sections';

/** The steps of a sync in their order; each is one database transaction and has one that undoes it (contract 3, 4). */
export const STEPS = [
  { step: 'updateSubscription', undo: 'restoreSubscription', sections: ['base_product'] },
  { step: 'updateNamespaceLimits', undo: 'restoreNamespaceLimits', sections: ['storage', 'compute_minutes'] },
  { step: 'upsertAddOnPurchases', undo: 'restoreAddOnPurchases', sections: ['add_on_purchases'] },
] as const satisfies readonly { step: string; undo: string; sections: readonly SectionName[] }[];

export type StepName = (typeof STEPS)[number]['step'];
export type UndoName = (typeof STEPS)[number]['undo'];

/** How a section is called in `<label> could not be saved (…)` (contract 3). */
export const SECTION_LABELS: Record<SectionName, string> = {
  base_product: 'Gitlab subscription',
  storage: 'Namespace limit',
  compute_minutes: 'Compute minutes',
  add_on_purchases: 'Add-on purchases',
};
