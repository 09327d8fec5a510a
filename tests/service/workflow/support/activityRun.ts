import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { createActivities, type Activities, type ActivityDependencies } from '../../../../src/activities';
import { runStep } from '../../../../src/activities/runStep';
import { SchemaCache } from '../../../../src/db/gitlabSchema';
import { createPool } from '../../../../src/db/pool';
import { createMetrics } from '../../../../src/metrics/metrics';
import type { Answer, SectionEntries } from '../../../../src/domain/answer';
import { STEPS, type Step, type StepName } from '../../../../src/domain/sections';
import type { AdmittedSync, RunArgument, SkippedStep, StepResult } from '../../../../src/domain/sync';
import { fullSync } from '../../../support/syncs';

/** A pool as a worker's; to be ended. */
export function openPool(url: string): Pool {
  return createPool({ url, applicationName: 'test', max: 8, onError: () => undefined });
}

/** Runs activities against the real database as attempts of one run: what a crashed worker makes Temporal do. */
export class ActivityRun {
  /** The answers that requests would have been given early. */
  readonly answers: Answer[] = [];
  private readonly deps: ActivityDependencies;
  private readonly activities: Activities;
  constructor(
    pool: Pool,
    readonly input: AdmittedSync,
    readonly runId: string = randomUUID(),
  ) {
    this.deps = {
      pool,
      schema: new SchemaCache(pool),
      ciResets: null,
      policy: 'compensate',
      findSearchAttributes: () => Promise.resolve([]),
      onAnswer: (_run, answer) => this.answers.push(answer),
      onFailure: () => undefined,
      log: pino({ level: 'silent' }),
      logContext: new AsyncLocalStorage(),
      metrics: createMetrics(),
    };
    this.activities = createActivities(this.deps);
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

  private get unchecked(): RunArgument {
    const { chain_id, started_at } = this.input;
    return { kind: 'unchecked', request: this.input, chain_id, started_at };
  }

  get admitted(): RunArgument {
    return { kind: 'admitted', input: this.input };
  }

  admit() {
    return this.attempt('admitSync', this.unchecked);
  }

  /** The step by itself, as after a failure. */
  step(name: StepName) {
    return this.attempt(name, this.admitted);
  }

  /** The first step with the admission. */
  open(name: StepName): Promise<StepResult> {
    return this.run(name, this.unchecked, null);
  }

  /** One of the three steps, called at once with the two others. */
  together(name: StepName) {
    const environment = this.environment();
    const result: Promise<StepResult | SkippedStep> = environment.run(this.activities[name], this.unchecked);
    return { result, cancel: () => environment.cancel() };
  }

  /** The last step with the outcome. */
  close(name: StepName, before: SectionEntries): Promise<StepResult> {
    return this.run(name, this.admitted, before);
  }

  private run(name: StepName, argument: RunArgument, before: SectionEntries | null): Promise<StepResult> {
    const step = STEPS.find((known) => known.step === name) as Step;
    return this.environment().run<[], StepResult, () => Promise<StepResult>>(() =>
      runStep(this.deps, step, argument, before),
    );
  }
}

/** What the activities of a sync of the namespace are told. */
export function inputOf(namespace_id: string, seats: number, sync_id: number | null = null): AdmittedSync {
  return {
    namespace_id,
    sync_id,
    provision: fullSync(seats),
    correlation_id: null,
    chain_id: randomUUID(),
    started_at: '2026-02-13T10:20:30.000Z',
    policy: 'compensate',
    memories: null,
  };
}
