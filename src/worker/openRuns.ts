import { WORKFLOW_TYPE } from '../workflows/names';
import type { TemporalConnection } from './connection';

const LIMIT_MS = 2_000;

// Not by status: a run that was paused as a whole has one of its own.
const OPEN = `WorkflowType = '${WORKFLOW_TYPE}' AND CloseTime IS NULL`;

/** The ages by which open runs are counted, in seconds. */
const AGES = { '0s': 0, '1m': 60, '10m': 600, '1h': 3_600, '1d': 86_400 } as const;
type Age = keyof typeof AGES;

/**
 * Counts the runs that have not ended, by how long ago they began at least. An age is asked for only where there are
 * runs of the one before it, so that two questions do where all is well.
 * @param now milliseconds since the epoch
 * @throws when Temporal does not answer within two seconds
 */
export function openRuns(
  { client }: Pick<TemporalConnection, 'client'>,
  now: number,
): Promise<Record<Age, number>> {
  return client.withDeadline(Date.now() + LIMIT_MS, async () => {
    const counts = { '0s': 0, '1m': 0, '10m': 0, '1h': 0, '1d': 0 };
    for (const [age, seconds] of Object.entries(AGES) as [Age, number][]) {
      const begun = new Date(now - seconds * 1000).toISOString();
      counts[age] = (await client.workflow.count(`${OPEN} AND StartTime <= '${begun}'`)).count;
      if (counts[age] === 0) break;
    }
    return counts;
  });
}

/** Counts the open runs that are paused, or one of whose steps is. @throws where the server knows no pauses */
export async function pausedRuns({ client }: Pick<TemporalConnection, 'client'>): Promise<number> {
  const { count } = await client.withDeadline(Date.now() + LIMIT_MS, () =>
    client.workflow.count(`${OPEN} AND TemporalPauseInfo IS NOT NULL`),
  );
  return count;
}
