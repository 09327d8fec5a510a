import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { createActivities, type Activities } from '../../../../src/activities';
import { SchemaCache } from '../../../../src/db/gitlabSchema';
import { createPool } from '../../../../src/db/pool';
import { createMetrics } from '../../../../src/metrics/metrics';
import type { Answer, SectionEntries } from '../../../../src/domain/answer';
import { STEPS, type StepName } from '../../../../src/domain/sections';
import type { Opening, SkippedStep, StepInput, StepResult } from '../../../../src/domain/sync';
import { fullSync } from '../../../support/syncs';

/** A pool as a worker's; to be ended. */
export function openPool(url: string): Pool {
  return createPool({ url, applicationName: 'test', max: 8, onError: () => undefined });
}

/** Runs activities against the real database as attempts of one run: what a crashed worker makes Temporal do. */
export class ActivityRun {
  /** The answers that requests would have been given early. */
  readonly answers: Answer[] = [];
  private readonly activities: Activities;
  constructor(
    pool: Pool,
    readonly input: StepInput,
    readonly runId: string = randomUUID(),
  ) {
    this.activities = createActivities({
      pool,
      schema: new SchemaCache(pool),
      ciResets: null,
      policy: 'compensate',
      findSearchAttributes: () => Promise.resolve([]),
      billableMembers: (row) => row.seats_in_use,
      onAnswer: (_run, answer) => this.answers.push(answer),
      onTrouble: () => undefined,
      log: pino({ level: 'silent' }),
      metrics: createMetrics(),
    });
  }

  attempt<Name extends keyof Activities>(name: Name, ...args: Parameters<Activities[Name]>) {
    return this.environment().run(
      this.activities[name] as (...given: unknown[]) => Promise<unknown>,
      ...args,
    );
  }

  private environment(): MockActivityEnvironment {
    return new MockActivityEnvironment({
      workflowExecution: { workflowId: `provision:${this.input.namespace_id}`, runId: this.runId },
    });
  }

  private get opening(): Opening {
    const { chain_id, started_at } = this.input;
    return { request: this.input, chain_id, started_at };
  }

  admit() {
    return this.attempt('admitSync', this.opening);
  }

  /** The step alone, as in trouble. */
  step(name: StepName) {
    return this.attempt(name, { input: this.input, closes: null });
  }

  /** The first step with the admission. */
  open(name: StepName): Promise<StepResult> {
    return this.attempt(name, { opens: this.opening }) as Promise<StepResult>;
  }

  /** One of the three steps, called at once with the two others. */
  together(name: StepName) {
    const position = STEPS.findIndex(({ step }) => step === name);
    const opens = position === 0 ? this.opening : null;
    const call = { opens, correlation_id: null, position, count: STEPS.length };
    const environment = this.environment();
    const result: Promise<StepResult | SkippedStep> = environment.run(this.activities[name], call);
    return { result, cancel: () => environment.cancel() };
  }

  /** The last step with the outcome. */
  close(name: StepName, closes: SectionEntries): Promise<StepResult> {
    return this.attempt(name, { input: this.input, closes }) as Promise<StepResult>;
  }
}

/** What the activities of a sync of the namespace are told. */
export function inputOf(namespace_id: string, seats: number, sync_id: number | null = null): StepInput {
  return {
    namespace_id,
    sync_id,
    provision: fullSync(seats),
    correlation_id: null,
    chain_id: randomUUID(),
    started_at: '2026-02-13T10:20:30.000Z',
    policy: 'compensate',
    repeats: null,
  };
}
