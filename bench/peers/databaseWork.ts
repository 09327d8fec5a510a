import { AsyncLocalStorage } from 'node:async_hooks';
import { asyncLocalStorage, type Context } from '@temporalio/activity';
import { pino } from 'pino';
import type { Pool, PoolClient, QueryConfig } from 'pg';
import { createActivities, type Activities, type ActivityDependencies } from '../../src/activities';
import { runStep } from '../../src/activities/runStep';
import { SchemaCache } from '../../src/db/gitlabSchema';
import { createPool } from '../../src/db/pool';
import type { Answer, SectionEntries } from '../../src/domain/answer';
import { askedSteps, type Step } from '../../src/domain/sections';
import type { RunArgument, StepResult, SyncInput } from '../../src/domain/sync';
import { workflowIdOf } from '../../src/domain/request';
import { createMetrics } from '../../src/metrics/metrics';

// The one place where the bench reaches into the product: its peers do the product's own work on the database, with
// the product's own code, so that they differ in their engine only.

/** Connections at most, as many as the product has. */
export const POOL_SIZE = 20;

/** GitLab's database, as every contender opens it. */
export function openPool(url: string): Pool {
  return createPool({
    url,
    applicationName: 'bench',
    max: POOL_SIZE,
    onError: (error) => console.error(error),
  });
}

const log = pino(pino.destination(2));
const metrics = createMetrics();

/** What the product's steps are given: token, namespace and body are the front's, everything after is theirs. */
export function dependencies(pool: Pool): ActivityDependencies {
  return {
    pool,
    schema: new SchemaCache(pool),
    ciResets: null,
    policy: 'compensate',
    findSearchAttributes: () => Promise.resolve([]),
    onAnswer: () => undefined,
    onFailure: () => undefined,
    log,
    logContext: new AsyncLocalStorage(),
    metrics,
  };
}

/** The product's activities. */
export function openActivities(pool: Pool): Activities {
  return createActivities(dependencies(pool));
}

/** How an engine runs one step: it keeps the step's result, so that a crash does not run it again. */
export type DurableStep = <Result>(name: string, body: () => Promise<Result>) => Promise<Result>;

/**
 * One sync outside of Temporal: its three steps, each a transaction.
 * @param runId names this execution in fence and ledger
 * @throws when it is not applied: the bench sends nothing that could be refused
 */
export async function provision(
  deps: ActivityDependencies,
  input: SyncInput,
  runId: string,
  step: DurableStep,
): Promise<Answer> {
  const info = { attempt: 1, workflowExecution: { workflowId: workflowIdOf(input.namespace_id), runId } };
  const durable = (next: Step, run: RunArgument, before: SectionEntries | null) =>
    step(next.step, () =>
      asyncLocalStorage.run({ info } as unknown as Context, () => runStep(deps, next, run, before)),
    );

  // The transactions of the product: the first step brings the admission, the last one the outcome.
  let run: RunArgument = {
    ...{ kind: 'unchecked', request: input },
    ...{ chain_id: runId, started_at: new Date().toISOString() },
  };
  const entries: SectionEntries = {};
  const steps = askedSteps(input.provision);
  for (const next of steps) {
    const done: StepResult = await durable(next, run, next === steps.at(-1) ? entries : null);
    if (done.answer) return done.answer;
    if (done.admission) run = { kind: 'admitted', input: done.admission.input };
    Object.assign(entries, done.entries);
  }
  throw new Error('the last step recorded no outcome');
}

/**
 * The same sync without an engine: the same statements in one transaction.
 * @param alongside more work of that transaction, given its connection
 */
export async function provisionInOneTransaction(
  pool: Pool,
  input: SyncInput,
  runId: string,
  alongside: (client: PoolClient, answer: Answer) => Promise<unknown> = () => Promise.resolve(),
): Promise<Answer> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    // All steps on this one connection, without their own BEGIN and COMMIT.
    const query = (statement: QueryConfig) =>
      ['BEGIN', 'COMMIT'].includes(statement.text) ? Promise.resolve({ rows: [] }) : client.query(statement);
    const connection = { query, release: () => undefined };
    const tx = { connect: () => Promise.resolve(connection) } as unknown as Pool;
    const answer = await provision(dependencies(tx), input, runId, (_name, body) => body());
    await alongside(client, answer);
    await client.query('COMMIT');
    return answer;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
