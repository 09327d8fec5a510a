import { ScheduleAlreadyRunning, ScheduleNotFoundError, type ScheduleOptions } from '@temporalio/client';
import { ConfigError, type Config } from '../config/config';
import { TemporalConnection } from '../worker/connection';
import { TASK_QUEUE } from '../workflows/names';
import { findRuntime } from './runtimeFile';
import { explain } from './startError';

/** The Temporal Schedule that prunes, and the workflow that it starts. */
export const PRUNE = 'prune';

/**
 * Makes the Schedule that prunes the ledger and the outbox, changes it, or deletes it.
 * @param cron when it runs, e.g. `30 2 * * *` (UTC); null: never again
 * @param keepForDays rows that are younger stay
 * @throws StartError when Temporal cannot be used, or takes no such time
 */
export async function setPruneSchedule(
  config: Config,
  cron: string | null,
  keepForDays: number,
): Promise<void> {
  const { temporalAddress: address, temporalNamespace } = await findRuntime(config.dataDir);
  const found =
    config.temporal ?? (address !== null && { connectionOptions: { address }, namespace: temporalNamespace });
  if (!found) {
    throw new ConfigError(
      'TEMPORAL_ADDRESS is not set and no service runs here: set it, or run "npm start" first',
    );
  }
  const { connectionOptions: options, namespace } = found;
  const temporal = await explain(
    TemporalConnection.open({ options, namespace: namespace ?? 'default', interceptors: null }),
    `TEMPORAL_ADDRESS: no Temporal answers at ${options.address}`,
  );
  const { schedule } = temporal.client;
  const remove = () =>
    schedule
      .getHandle(PRUNE)
      .delete()
      .catch((error: unknown) => {
        if (!(error instanceof ScheduleNotFoundError)) throw error;
      });
  const set = async (wanted: ScheduleOptions) => {
    try {
      await schedule.create(wanted);
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await schedule.getHandle(PRUNE).update(() => ({ ...wanted, state: {} }));
    }
  };
  try {
    await explain(
      cron === null ? remove() : set(optionsOf(cron, keepForDays)),
      'Temporal does not take the Schedule "prune"',
    );
  } finally {
    await temporal.close();
  }
}

function optionsOf(cron: string, keepForDays: number) {
  return {
    scheduleId: PRUNE,
    spec: { cronExpressions: [cron] },
    policies: { overlap: 'SKIP' as const },
    action: {
      type: 'startWorkflow' as const,
      workflowType: PRUNE,
      workflowId: PRUNE,
      taskQueue: TASK_QUEUE,
      args: [`${keepForDays} days`],
    },
  };
}
