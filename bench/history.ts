import { Client, Connection } from '@temporalio/client';
import { workflowIdOf } from '../src/domain/request';
import type { Contender } from './contenders';
import { NAMESPACES } from './load/syncs';

/** What a sync costs the server of Temporal. */
export interface RunSize {
  events: number;
  transitions: number;
}

/** Looks at the run of a namespace that was provisioned; null for a contender without Temporal. */
export async function runSize({ temporal }: Contender): Promise<RunSize | null> {
  if (temporal === null) return null;
  const { address, namespace } = temporal;
  const connection = await Connection.connect({ address });
  try {
    const { workflow } = new Client({ connection, namespace });
    const { historyLength, raw } = await workflow
      .getHandle(workflowIdOf(String(NAMESPACES.first)))
      .describe();
    return { events: historyLength, transitions: Number(raw.workflowExecutionInfo?.stateTransitionCount) };
  } finally {
    await connection.close();
  }
}
