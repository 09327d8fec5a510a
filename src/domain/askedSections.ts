import { SECTIONS, type SectionName } from './sections';

/** The sections that a provision asks for, in the order in which they are applied (contract 4). */
export function askedSections(provision: object): SectionName[] {
  return SECTIONS.filter((section) => Object.hasOwn(provision, section));
}
