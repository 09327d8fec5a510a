import { EventEmitter, setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, type Runner, type WorkerEvents } from 'graphile-worker';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics';
import { DELIVER, type Delivery, queueLogger } from './queue';
import { type Liveness, openLiveness, reclaimFromDeadWorkers } from './liveness';
import type { Job } from './deliver';

export interface QueueWorkerOptions {
  url: string;
  pool: Pool;
  log: Logger;
  metrics: Pick<Metrics, 'attempts'>;
  /** Jobs at the same time. */
  concurrency: number;
  work: (delivery: Delivery, job: Job) => Promise<void>;
}

const POLL_MS = 1_000;
const RECLAIM_MS = 2_000;
// A request that is given up then is sent again, and joins its run.
const GRACE_MS = 3_000;
const HAND_BACK_MS = 3_000;
const RESTART_MS = 2_000;

/**
 * Starts the background worker. When it loses the connection that proves that it lives, other workers may take its jobs:
 * so it gives up its requests, and restarts under a new id as soon as the database answers.
 */
export function startQueueWorker(options: QueueWorkerOptions) {
  const stopped = new AbortController();
  let isRunning = false;
  const done = (async () => {
    while (!stopped.signal.aborted) {
      try {
        await runUntilLost(options, stopped.signal, (running) => (isRunning = running));
      } catch (error) {
        options.log.warn({ err: error }, 'the queue worker restarts');
      }
      isRunning = false;
      await sleep(RESTART_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  return {
    isRunning: () => isRunning,
    stop: async () => {
      stopped.abort();
      await done;
    },
  };
}

/** One life of the worker; resolves when it was stopped, throws when it was lost. */
async function runUntilLost(
  options: QueueWorkerOptions,
  stopped: AbortSignal,
  onRunning: (isRunning: boolean) => void,
): Promise<void> {
  const liveness = await openLiveness(options.url);
  const giveUp = new AbortController();
  setMaxListeners(0, giveUp.signal); // each request listens
  try {
    const { runner, announced } = await startRunner(options, liveness, giveUp.signal);
    const isStopped = once(stopped);
    const ends = [
      isStopped.then(() => 'stopped' as const),
      liveness.lost.then(() => 'lost' as const),
      runner.promise.then(
        () => 'ended' as const,
        () => 'ended' as const,
      ),
      announced.then(
        () => keepReclaiming(options, liveness, giveUp.signal),
        () => 'lost' as const,
      ),
    ];
    void announced.then(
      () => onRunning(true),
      () => undefined,
    );
    const end = await Promise.race(ends);
    onRunning(false);
    if (end !== 'stopped') giveUp.abort();
    if (end !== 'ended') await stopRunner(runner, giveUp);
    if (end !== 'stopped') throw new Error(`the queue worker was lost: ${end}`);
  } finally {
    giveUp.abort();
    await liveness.end().catch(() => undefined);
  }
}

/** Waits for running jobs; after a grace period it gives up their requests. */
async function stopRunner(runner: Runner, giveUp: AbortController): Promise<void> {
  const grace = setTimeout(() => giveUp.abort(), GRACE_MS);
  const limit = new AbortController();
  // Without the database the runner keeps trying to hand its jobs back; live workers take them over anyway.
  const timeout = sleep(GRACE_MS + HAND_BACK_MS, undefined, { signal: limit.signal }).catch(() => undefined);
  await Promise.race([runner.stop().catch(() => undefined), timeout]);
  limit.abort();
  clearTimeout(grace);
}

async function startRunner(
  { pool, log, concurrency, work }: QueueWorkerOptions,
  liveness: Liveness,
  stopping: AbortSignal,
): Promise<{ runner: Runner; announced: Promise<void> }> {
  const events: WorkerEvents = new EventEmitter();
  let workerId = '';
  let announced = Promise.resolve();
  events.on('pool:create', ({ workerPool }) => {
    workerId = workerPool.id;
    announced = liveness.announce(workerId);
    announced.catch(() => undefined); // judged where the promise is raced
  });
  const runner = await run({
    pgPool: pool,
    concurrency,
    pollInterval: POLL_MS,
    noHandleSignals: true,
    logger: queueLogger(log),
    events,
    // Batches, even of one, are tried again when the database is away; single completions would end the process.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    taskList: {
      [DELIVER]: (payload) => work(payload as Delivery, { workerId, stopping }),
    },
  });
  return { runner, announced };
}

/** Looks for dead workers regularly; resolves when the connection that proves this worker's life is lost. */
async function keepReclaiming(
  { pool, log, metrics }: QueueWorkerOptions,
  liveness: Liveness,
  over: AbortSignal,
): Promise<'lost'> {
  while (!over.aborted) {
    try {
      await liveness.check();
    } catch {
      return 'lost';
    }
    try {
      const { workers, attempts } = await reclaimFromDeadWorkers(pool);
      metrics.attempts.inc({ state: 'failed' }, attempts);
      if (workers.length > 0) log.warn({ workers, attempts }, 'took over the jobs of dead workers');
    } catch (error) {
      log.warn({ err: error }, 'could not look for dead workers');
    }
    await sleep(RECLAIM_MS, undefined, { signal: over }).catch(() => undefined);
  }
  return 'lost';
}

function once(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
