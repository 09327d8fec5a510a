import type { Answer, SectionEntries } from './answer';
import type { ColumnValues, Table } from './plan';
import type { Provision } from './provision';
import type { SectionName } from './sections';

/** `compensate`: all or nothing. `independent`: a refused section leaves the others (contract 3). */
export type FailurePolicy = 'compensate' | 'independent';

/** One sync: the input of the workflow, also when a person starts it by hand. */
export interface SyncInput {
  namespace_id: string;
  sync_id: number | null;
  provision: Provision;
  correlation_id: string | null;
}

/** Which run a sync has. */
interface RunOrigin {
  /** The first run of the chain: a reset run keeps it. */
  chain_id: string;
  /** ISO 8601, e.g. `2026-02-13T10:20:30.000Z`. */
  started_at: string;
}

/** A sync that was admitted, with what its steps need to know. */
export interface AdmittedSync extends SyncInput, RunOrigin {
  policy: FailurePolicy;
  /** Null when the sync is new. */
  memories: Memories | null;
}

/**
 * What an activity is told of its run: the request as it came, until it is admitted. It is a `SyncInput`, unless a
 * person has started the run with something else.
 */
export type RunArgument =
  ({ kind: 'unchecked'; request: unknown } & RunOrigin) | { kind: 'admitted'; input: AdmittedSync };

/**
 * What a run keeps for a repeat of the same sync, by section (contract 5): a repeat ends with exactly the same rows,
 * also where a rule looked at the change from old to new.
 */
export type Memories = Partial<Record<SectionName, object>>;

/** How a sync fared at the fence and, under `compensate`, before the rules of all its sections. */
export type Admission = {
  input: AdmittedSync;
  /** The run before this one if it ended without an outcome: its steps stand, and this sync overwrites them. */
  unfinishedRun: string | null;
} & (
  | { outcome: 'admitted' }
  | { outcome: 'refused'; entries: SectionEntries }
  | { outcome: 'superseded'; by: number }
);

/** A row that a step changed: its written columns before and after. Null: there was no such row. */
export interface Change {
  section: SectionName;
  table: Table;
  /** The primary key. */
  key: string;
  before: ColumnValues | null;
  after: ColumnValues | null;
}

/** What the database said when it refused a section, for people: the ledger and the log have it, no answer does. */
export interface DatabaseRefusal {
  section: SectionName;
  /** The condition's name, e.g. `check_violation`. */
  condition: string;
  table: string | null;
  constraint: string | null;
  /** What a trigger or function said. */
  text: string | null;
}

/** What a step did. */
export interface StepResult {
  kind: 'done';
  entries: SectionEntries;
  changes: Change[];
  /** The attempt that took effect, counted from 1 within the activity. */
  attempt: number;
  /** Of its sections that the database refused beside others that stand. */
  refusals?: DatabaseRefusal[];
  /** Of the step that admitted its run. */
  admission?: Admission;
  /** The run's answer, where it was recorded together with the step: from then on nothing else may end the run. */
  answer?: Answer;
}

/** A step that was not attempted: why. */
export interface SkippedStep {
  kind: 'skipped';
  reason: string;
}

/** What a compensation did: `rolled_back`, or what it had to leave, per section of its step. */
export interface UndoResult {
  kind: 'undone';
  entries: SectionEntries;
  restored: { table: Table; key: string }[];
  kept: { table: Table; key: string }[];
  /** Why rows were kept, where the database did not let them be put back. */
  refusals?: DatabaseRefusal[];
}

/** A run that has its outcome is not undone any more. */
export interface TooLate {
  kind: 'too_late';
  recorded: Outcome;
}

/** How a run ended, as the ledger keeps it: the answer, or that it was cancelled or failed on a bug. */
export type Outcome = Answer | { status: 'cancelled' | 'failed'; message: string | null };

/** Whether a run ended with an answer for its caller. */
export function isAnswer(outcome: Outcome): outcome is Answer {
  return outcome.status !== 'cancelled' && outcome.status !== 'failed';
}
