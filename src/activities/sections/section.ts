import type { GitlabSchema } from '../../db/gitlabSchema';
import type { Tx } from '../../db/pool';
import type { Clock, SectionPlan, Write } from '../../domain/plan';
import type { Provision } from '../../domain/provision';
import type { SectionName } from '../../domain/sections';
import type { Memories } from '../../domain/sync';
import type { ActivityDependencies } from '../dependencies';

/** What a section is planned from. */
export interface SectionContext extends Pick<ActivityDependencies, 'billableMembers'> {
  tx: Tx;
  schema: GitlabSchema;
  namespaceId: string;
  /** False: GitLab's CI tables are in another database. */
  hasCi: boolean;
  /** What an earlier run of the same sync left to know, by section; null: the sync is new. */
  repeats: Memories | null;
  /** Known when the run has passed the fence; what a section reads may travel with that. */
  clock: Promise<Clock>;
  /** Writes a row that the plan's own writes need; absent when only the rules are asked. */
  write?: (write: Write) => Promise<void>;
}

/**
 * Reads the rows that a section is about, locks them until the transaction ends, and applies the section's rules.
 * Writes nothing, but for catalogue rows that the plan's own writes need (contract 4.4 rule 10).
 */
export type PlanSection<Name extends SectionName> = (
  asked: NonNullable<Provision[Name]>,
  context: SectionContext,
) => Promise<SectionPlan>;
