import type { Answer } from './answer';
import type { SectionEntries } from './failures';
import type { Provision } from './provision';
import type { SectionName } from './sections';
import type { ColumnValues, Table } from './plan';

/** `compensate`: all or nothing. `independent`: a refused section leaves the others (contract 3). */
export type FailurePolicy = 'compensate' | 'independent';

/** One sync: the input of the workflow, also when a person starts it by hand. */
export interface SyncInput {
  namespace_id: string;
  sync_id: number | null;
  provision: Provision;
  correlation_id: string | null;
}

/** What a run brings along before its request has been checked. */
export interface Opening {
  /** A `SyncInput`, unless a person has started the run with something else. */
  request: unknown;
  /** The first run of the chain: a reset run keeps it. */
  chain_id: string;
  /** ISO 8601, e.g. `2026-02-13T10:20:30.000Z`. */
  started_at: string;
}

/** What every activity of an admitted sync is told about its run. */
export interface StepInput extends SyncInput, Pick<Opening, 'chain_id' | 'started_at'> {
  policy: FailurePolicy;
  /** Null until the sync is admitted, or when it is new. */
  repeats: Memories | null;
}

/**
 * What an earlier run of the same sync left to know, by section (contract 5): a repeat comes to exactly the same rows,
 * also where a rule looked at the change from old to new.
 */
export type Memories = Partial<Record<SectionName, object>>;

/**
 * What a step's transaction holds beside the step. In the normal case the first step admits the sync, too, and the
 * last one records the outcome; in trouble each is a transaction of its own.
 */
export type StepCall =
  | { opens: Opening }
  /** `closes`: what became of the sections before, where this is the last step and the outcome is to be recorded. */
  | { input: StepInput; closes: SectionEntries | null };

/** Calls a step at once with the others of its run. */
export interface SequenceCall {
  /** Of the first step; the others are told the rest by what the steps before have returned. */
  opens: Opening | null;
  /** Of the request, for the log: what the steps before have returned does not name it there. */
  correlation_id: string | null;
  /** From 0. */
  position: number;
  /** How many steps are called. */
  count: number;
}

/** How a sync fared at the fence and, under `compensate`, before the rules of all its sections. */
export type Admission = {
  input: StepInput;
  /** The run before this one if it ended without an outcome; its steps stand and this sync goes over them. */
  unfinishedRun: string | null;
} & (
  | { outcome: 'admitted' }
  | { outcome: 'refused'; entries: SectionEntries }
  | { outcome: 'superseded'; by: number }
);

/** One row that a step changed, for the people who read the run. */
export interface Change {
  section: SectionName;
  table: Table;
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
  entries: SectionEntries;
  changes: Change[];
  /** The attempt that took effect, counted from 1 within the activity. */
  attempt: number;
  /** Of its sections that the database refused beside others that stand. */
  refusals?: DatabaseRefusal[];
  /** Of a step that opened its run. */
  admission?: Admission;
  /** The run's answer, where it was recorded together with the step: from then on nothing else may end the run. */
  answer?: Answer;
}

/** A step that was called with others, and not attempted: why. */
export interface SkippedStep {
  skipped: string;
}

/** What a compensation did: `rolled_back`, or what it had to leave, per section of its step. */
export interface UndoResult {
  entries: SectionEntries;
  restored: { table: Table; key: string }[];
  kept: { table: Table; key: string }[];
  /** Why rows were kept, where the database did not let them be put back. */
  refusals?: DatabaseRefusal[];
}

/** A run that has its outcome is not undone any more. */
export interface TooLate {
  recorded: Outcome;
}

/** How a run ended, as the ledger keeps it: the answer, or that it was cancelled or failed on a bug. */
export type Outcome = Answer | { status: 'cancelled' | 'failed'; message: string | null };

/** Whether a run ended with an answer for its caller. */
export function isAnswer(outcome: Outcome): outcome is Answer {
  return outcome.status !== 'cancelled' && outcome.status !== 'failed';
}
