import { findAddOnStates } from '../db/addOns';
import type { GitlabSchema } from '../db/gitlabSchema';
import { findComputeMinutes, findNamespaceLimits } from '../db/limits';
import type { Statement } from '../db/statement';
import { findSubscriptions } from '../db/subscriptions';
import { planAddOnPurchases } from '../domain/addOnPurchases';
import { planComputeMinutes, planStorage } from '../domain/limits';
import type { Clock, PlanSection, SectionPlan } from '../domain/plan';
import type { Provision } from '../domain/provision';
import { SECTION_FACTS, type SectionName, type StepName } from '../domain/sections';
import { planSubscription } from '../domain/subscription';
import type { Memories } from '../domain/sync';

/** How GitLab's tables are, as far as it changes what is read. */
export interface GitlabTablesNow {
  schema: GitlabSchema;
  /** False: GitLab's CI tables are in another database (contract 7). */
  hasCi: boolean;
}

/** One section of a sync. */
interface Section<Name extends SectionName, State> {
  name: Name;
  step: StepName;
  /** How messages name it. */
  label: string;
  /** Fetches, and locks, the rows that the section is about, of a set of namespaces; states are in their order. */
  read(tables: GitlabTablesNow, namespaceIds: readonly string[]): Statement<(State | undefined)[]>;
  /** The rules; pure. */
  plan: PlanSection<NonNullable<Provision[Name]>, State>;
}

function section<Name extends SectionName, State, Memory>(
  name: Name,
  read: Section<Name, State>['read'],
  plan: (
    asked: NonNullable<Provision[Name]>,
    state: State,
    clock: Clock,
    memory: Memory | null,
  ) => SectionPlan,
): Section<Name, unknown> {
  return { name, ...SECTION_FACTS[name], read, plan: plan as PlanSection<unknown, unknown> };
}

const SECTIONS_WITH_RULES: { [Name in SectionName]: Section<Name, unknown> } = {
  base_product: section(
    'base_product',
    ({ schema }, ids) => findSubscriptions(schema, ids),
    planSubscription,
  ),
  storage: section('storage', (_tables, ids) => findNamespaceLimits(ids), planStorage),
  compute_minutes: section(
    'compute_minutes',
    ({ hasCi }, ids) => findComputeMinutes(ids, hasCi),
    planComputeMinutes,
  ),
  add_on_purchases: section(
    'add_on_purchases',
    ({ schema }, ids) => findAddOnStates(schema, ids),
    planAddOnPurchases,
  ),
};

/** The plan of one section of a namespace. */
export interface PlannedSection {
  name: SectionName;
  plan: SectionPlan;
}

/** The statements that read what sections are about, in the order of the sections. */
export function readSections(
  sections: readonly SectionName[],
  tables: GitlabTablesNow,
  namespaceIds: readonly string[],
): Statement<unknown[]>[] {
  return sections.map((name) => SECTIONS_WITH_RULES[name].read(tables, namespaceIds));
}

/**
 * Plans sections of one namespace against its rows as they were read. Nothing is written.
 * @param states in the order of the sections
 */
export function planSections(
  sections: readonly SectionName[],
  states: readonly unknown[],
  { provision, memories }: { provision: Provision; memories: Memories | null },
  clock: Clock,
): PlannedSection[] {
  return sections.map((name, index) => {
    const { plan } = SECTIONS_WITH_RULES[name] as Section<SectionName, unknown>;
    return { name, plan: plan(provision[name] ?? {}, states[index], clock, memories?.[name] ?? null) };
  });
}
