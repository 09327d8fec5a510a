/** A server's default limits cap a load test long before the CPU does. */
export const DYNAMIC_CONFIG = {
  'frontend.rps': 20_000,
  'frontend.namespaceRPS': 20_000,
  'matching.rps': 20_000,
  'history.rps': 30_000,
  'frontend.namespaceRPS.visibility': 1_000,
  // A worker gets an activity that it scheduled in the same answer, without a trip over the task queue.
  'system.enableActivityEagerExecution': true,
  // `temporal workflow pause` is off otherwise.
  'frontend.WorkflowPauseEnabled': true,
};

/** Flags of `temporal server start-dev` that every server of ours gets. */
export const TEMPORAL_FLAGS: readonly string[] = [
  // Without WAL every commit waits for two flushes of the disk.
  ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
  ...Object.entries(DYNAMIC_CONFIG).flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${value}`]),
];
