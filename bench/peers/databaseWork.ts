import { asyncLocalStorage, type Context } from '@temporalio/activity';
import { pino } from 'pino';
import type { Pool, PoolClient, QueryConfig } from 'pg';
import { createActivities, type Activities } from '../../src/activities';
import { SchemaCache } from '../../src/db/gitlabSchema';
import { createPool } from '../../src/db/pool';
import type { Answer } from '../../src/domain/answer';
import { askedSteps, type StepName } from '../../src/domain/sections';
import type { StepCall, StepResult, SyncInput } from '../../src/domain/sync';
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

/** The product's activities: token, namespace and body are the front's, everything after is here. */
export function openActivities(pool: Pool): Activities {
  return createActivities({
    pool,
    schema: new SchemaCache(pool),
    ciResets: null,
    policy: 'compensate',
    findSearchAttributes: () => Promise.resolve([]),
    onAnswer: () => undefined,
    onTrouble: () => undefined,
    billableMembers: (subscription) => subscription.seats_in_use,
    log,
    metrics,
  });
}

/** How an engine runs one step: it keeps the step's result, so that a crash does not run it again. */
export type DurableStep = <Result>(name: string, body: () => Promise<Result>) => Promise<Result>;

/**
 * One sync outside of Temporal: its three steps, each a transaction.
 * @param runId names this execution in fence and ledger
 * @throws when it is not applied: the bench sends nothing that could be refused
 */
export async function provision(
  activities: Activities,
  input: SyncInput,
  runId: string,
  step: DurableStep,
): Promise<Answer> {
  const info = { attempt: 1, workflowExecution: { workflowId: workflowIdOf(input.namespace_id), runId } };
  const durable = (name: StepName, call: StepCall) =>
    step(name, () =>
      asyncLocalStorage.run(
        { info } as unknown as Context,
        () => activities[name](call) as Promise<StepResult>, // only steps that are called at once can be skipped
      ),
    );

  // The transactions of the product: the first step brings the admission, the last one the outcome.
  const opens = { request: input, chain_id: runId, started_at: new Date().toISOString() };
  const [first, ...others] = askedSteps(input.provision);
  if (!first) throw new Error('the bench sends no empty sync');
  const opened = await durable(first.step, { opens });
  if (opened.admission?.outcome !== 'admitted') throw new Error(`sync ${input.sync_id} was not admitted`);
  const admitted = opened.admission.input;
  const entries = opened.entries;
  let { answer } = opened;
  for (const { step: name } of others) {
    const closes = name === others.at(-1)?.step ? entries : null;
    const done = await durable(name, { input: admitted, closes });
    Object.assign(entries, done.entries);
    answer = done.answer;
  }
  if (!answer) throw new Error('the last step recorded no outcome');
  return answer;
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
    const query = (statement: QueryConfig | 'COMMIT') =>
      statement === 'COMMIT' || statement.text === 'BEGIN' ? Promise.resolve() : client.query(statement);
    const connection = { query, release: () => undefined };
    const tx = { connect: () => Promise.resolve(connection) } as unknown as Pool;
    const answer = await provision(openActivities(tx), input, runId, (_name, body) => body());
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
