import type { Provision } from './provision';
import { SECTIONS, type SectionName } from './sections';

/** The sections that a parsed provision asks for, in the order in which they are applied (contract 4). */
export function askedSections(provision: Provision): SectionName[] {
  return SECTIONS.filter((section) => Object.hasOwn(provision, section));
}
