/** What the load generator is asked to do. */
export interface Job {
  /** The contender. */
  url: string;
  token: string;
  /** The `sync_id` of the first sync; each further one is one higher. */
  firstSync: number;
  /** Closed loop: each caller sends its next sync when the last one is answered. Open loop: so many a second. */
  load: { callers: number } | { perSecond: number };
  /** How long syncs are sent. */
  until: { seconds: number } | { syncs: number };
}

/** What came of it. */
export interface JobResult {
  /** Milliseconds of each sync. In the open loop they count from when the sync should have been sent. */
  latencies: number[];
  /** From the first sync sent to the last one answered. */
  seconds: number;
}
