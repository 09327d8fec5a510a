import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { IllegalStateError } from '@temporalio/common';
import {
  TransportError,
  Worker,
  type ActivityInterceptorsFactory,
  type InjectedSinks,
  type WorkerDeploymentOptions,
} from '@temporalio/worker';
import type { Activities } from '../activities';
import { STEPS } from '../domain/sections';
import { DEPLOYMENT, TASK_QUEUE } from '../workflows/names';
import type { TemporalConnection } from './connection';

// Made by the build: compiling workflows at each start would cost seconds.
const BUNDLE = path.join(__dirname, '../../dist/workflow-bundle.js');
// The same workflow code, with what makes spans of it.
const TRACED_BUNDLE = path.join(__dirname, '../../dist/workflow-bundle-traced.js');

const WORKFLOW_TASKS = 100;

/** What a worker is told about itself, and what watches it at work. */
export interface WorkerSettings {
  /** The version of the code: runs stay with the version that began them. Null: unversioned. */
  buildId: string | null;
  /** They see every execution of an activity. */
  activity: ActivityInterceptorsFactory[];
  /** Null: nothing is traced. */
  tracing: { activity: ActivityInterceptorsFactory; sinks: InjectedSinks<never> } | null;
}

/** A worker that is polling. */
export interface RunningWorker {
  isRunning(): boolean;
  /** Lets running activities finish (10 s), then resolves. */
  stop(): Promise<void>;
  /** Resolves when it has ended; `refused`: Temporal refused its polls. Rejects if it died of anything else. */
  ended: Promise<'stopped' | 'refused'>;
}

/** Starts a worker for the task queue `provisioning`. */
export async function startWorker(
  { connection, namespace }: TemporalConnection,
  activities: Activities,
  { activity, tracing, buildId }: WorkerSettings,
): Promise<RunningWorker> {
  const codePath = tracing ? TRACED_BUNDLE : BUNDLE;
  if (!existsSync(codePath)) throw new Error(`${codePath} is missing: run "npm run build"`);
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: TASK_QUEUE,
    workflowBundle: { codePath },
    activities,
    interceptors: { activity: tracing ? [tracing.activity, ...activity] : activity },
    ...(tracing && { sinks: tracing.sinks }),
    ...(buildId !== null && { workerDeploymentOptions: versionOf(buildId) }),
    shutdownGraceTime: '10s',
    maxConcurrentWorkflowTaskExecutions: WORKFLOW_TASKS,
    maxConcurrentLocalActivityExecutions: WORKFLOW_TASKS * STEPS.length, // those of a task wait for each other
    maxConcurrentActivityTaskExecutions: 50,
  });
  const ended = endOf(worker);
  ended.catch(() => undefined); // whoever awaits it sees it
  return {
    isRunning: () => worker.getState() === 'RUNNING',
    stop: async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended;
    },
    ended,
  };
}

const LOOK_MS = 500;
const SETTLE_MS = 5_000;

async function endOf(worker: Worker): Promise<'stopped' | 'refused'> {
  // A refused poll is a TransportError. After that the SDK (1.24) may find its own worker still in use, which is what it
  // says then, or it waits for ever for its other polls to end: then only its state tells.
  const run = worker.run().then(
    () => 'stopped' as const,
    (error: unknown) => {
      if (error instanceof TransportError || error instanceof IllegalStateError) return 'refused' as const;
      throw error;
    },
  );
  const refused = async () => {
    while (!['FAILED', 'STOPPED'].includes(worker.getState())) await sleep(LOOK_MS, null, { ref: false });
    await sleep(SETTLE_MS, null, { ref: false }); // what it died of may still come
    return 'refused' as const;
  };
  return Promise.race([run, refused()]);
}

function versionOf(buildId: string): WorkerDeploymentOptions {
  return {
    version: { deploymentName: DEPLOYMENT, buildId },
    useWorkerVersioning: true,
    defaultVersioningBehavior: 'PINNED',
  };
}
