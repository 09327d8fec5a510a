/** The sections of a sync, in the order in which they are answered and applied (contract 2 and 4). */
export const SECTIONS = ['base_product', 'storage', 'compute_minutes', 'add_on_purchases'] as const;

export type SectionName = (typeof SECTIONS)[number];
