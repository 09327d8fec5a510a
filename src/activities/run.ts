import { Context } from '@temporalio/activity';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { RunIdentity } from '../db/fence';
import type { SchemaCache } from '../db/gitlabSchema';
import type { Answer } from '../domain/answer';
import { parseSyncInput } from '../domain/request';
import type { AdmittedSync, FailurePolicy, RunArgument } from '../domain/sync';
import type { Metrics } from '../metrics/metrics';
import type { CiResets } from './ciResets';
import { invalidRequestFailure } from './failures';
import type { LogContext } from './nameInLog';

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
  /** Receives the answer of a run as soon as it is recorded and can no longer change. */
  onAnswer: (run: RunIdentity, answer: Answer) => void;
  /** An activity of a run has failed: its answer may come from another worker. */
  onFailure: (run: { workflowId: string; runId: string }) => void;
  log: Logger;
  logContext: LogContext;
  metrics: Pick<Metrics, 'unfinishedRuns' | 'compensations' | 'stepDuration' | 'stepRetries'>;
}

/** The sync that an activity works for, and its run. */
export interface SyncRun {
  input: AdmittedSync;
  identity: RunIdentity;
}

/**
 * Reads what an activity is told of its run; checks the request where that has not been done.
 * @throws ApplicationFailure `InvalidRequest` for a request that the endpoint would not have let in
 */
export function syncRunOf({ policy }: Pick<ActivityDependencies, 'policy'>, run: RunArgument): SyncRun {
  const { workflowId = '', runId = '' } = Context.current().info.workflowExecution ?? {};
  const identified = (input: AdmittedSync): SyncRun => {
    const { namespace_id: namespaceId, sync_id: syncId, chain_id: chainId, started_at: startedAt } = input;
    return { input, identity: { namespaceId, syncId, workflowId, runId, chainId, startedAt } };
  };
  if (run.kind === 'admitted') return identified(run.input);
  const { request, chain_id, started_at } = run;
  const parsed = parseSyncInput(request, workflowId);
  if (!parsed.ok) throw invalidRequestFailure(parsed.refusal);
  return identified({ ...parsed.value, chain_id, started_at, policy, memories: null });
}

/** Which attempt of the current activity this is, from 1. */
export function currentAttempt(): number {
  return Context.current().info.attempt;
}
