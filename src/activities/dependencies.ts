import type { Logger } from 'pino';
import type { Pool } from 'pg';
import type { RunIdentity } from '../db/fence';
import type { SchemaCache } from '../db/gitlabSchema';
import type { Answer } from '../domain/answer';
import type { FailurePolicy } from '../domain/sync';
import type { Metrics } from '../metrics/metrics';
import type { CiResets } from './ciResets';

/** What the activities are given; nothing here is looked up from the environment. */
export interface ActivityDependencies {
  /** GitLab's database, with the schema `provisioning`. */
  pool: Pool;
  /** What that database has of the tables and columns that GitLab is about to remove. */
  schema: SchemaCache;
  /** Resets the notification levels in GitLab's CI database; null: they are in the same database (contract 7). */
  ciResets: CiResets | null;
  policy: FailurePolicy;
  /** The search attributes that Temporal takes now, by name; none where it cannot be asked. */
  findSearchAttributes: () => Promise<string[]>;
  /** Current billable members of the namespace of a subscription row (contract 4.1 rule 3). */
  billableMembers: (subscription: { seats_in_use: number }) => number;
  /** Told the answer of a run as soon as it is recorded and can no longer change. */
  onAnswer: (run: RunIdentity, answer: Answer) => void;
  /** Told when an activity of a run has failed: the run goes another way from here. */
  onTrouble: (run: { workflowId: string; runId: string }) => void;
  log: Logger;
  metrics: Pick<Metrics, 'unfinishedRuns' | 'compensations' | 'stepDuration' | 'stepRetries'>;
}
