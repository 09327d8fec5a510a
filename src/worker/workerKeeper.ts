import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Activities } from '../activities';
import { TASK_QUEUE } from '../workflows/names';
import type { TemporalConnection } from './connection';
import { startWorker, type RunningWorker, type WorkerSettings } from './worker';

const RETRY_MS = 2_000;

/**
 * Keeps a worker at work. When Temporal refuses its polls, e.g. because the namespace was deleted, another one takes its
 * place as soon as Temporal lets it.
 * @returns `ended` rejects when a worker died of anything else
 */
export async function keepWorker(
  temporal: TemporalConnection,
  activities: Activities,
  settings: WorkerSettings,
  log: Logger,
): Promise<RunningWorker> {
  const stopping = new AbortController();
  let worker = await startWorker(temporal, activities, settings);
  const keep = async () => {
    for (;;) {
      const end = await worker.ended;
      if (end === 'stopped') return end;
      log.error(
        { temporal_namespace: temporal.namespace },
        'Temporal refuses the polls of the worker: another one starts when it takes them again',
      );
      const next = await untilStarted();
      if (next === null) return end;
      worker = next;
      if (stopping.signal.aborted) void worker.stop();
      else log.info('another worker polls');
    }
  };
  /** @returns null when it is not wanted any more */
  const untilStarted = async () => {
    for (;;) {
      await sleep(RETRY_MS, null, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return null;
      const next = await replacement(temporal, activities, settings).catch(() => null);
      if (next !== null) return next;
    }
  };
  const ended = keep();
  ended.catch(() => undefined); // whoever awaits it sees it
  return {
    isRunning: () => worker.isRunning(),
    stop: async () => {
      stopping.abort();
      await Promise.all([worker.stop(), ended]);
    },
    ended,
  };
}

/** @throws while Temporal does not take polls */
async function replacement(temporal: TemporalConnection, activities: Activities, settings: WorkerSettings) {
  await temporal.checkNamespace();
  // Asked of the part of the server that a poll asks: it learns of a new namespace later.
  const { client, namespace } = temporal;
  await client.withDeadline(Date.now() + RETRY_MS, () =>
    client.workflowService.describeTaskQueue({ namespace, taskQueue: { name: TASK_QUEUE } }),
  );
  // The worker that was refused never lets go of its connection, nor of its place on it.
  await temporal.renew();
  return startWorker(temporal, activities, settings);
}
