import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { testEnvironment } from './environment';
import { eventually } from './eventually';

/** A Temporal client for tests, and what they ask runs. */
export class TemporalProbe {
  private constructor(
    private readonly connection: Connection,
    readonly client: Client,
  ) {}

  /** @param policy which of the two services of the global set-up */
  static of(policy: 'compensate' | 'independent'): TemporalProbe {
    return TemporalProbe.in(testEnvironment()[policy].temporalNamespace);
  }

  static in(namespace: string): TemporalProbe {
    const connection = Connection.lazy({ address: testEnvironment().temporalAddress });
    // Already now, so that no test waits for it; a call reports what is wrong.
    connection.ensureConnected().catch(() => undefined);
    return new TemporalProbe(connection, new Client({ connection, namespace }));
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  /** The runs of a namespace's workflow. */
  handle(namespaceId: string, runId?: string): WorkflowHandle {
    return this.client.workflow.getHandle(`provision:${namespaceId}`, runId);
  }

  /** Waits until the open run of a namespace retries a regular activity. @returns the activity's id */
  pendingActivity(namespaceId: string, id: string): Promise<{ attempt: number; summary: string }> {
    return eventually(async () => {
      const description = await this.handle(namespaceId)
        .describe()
        .catch(() => null);
      const pending = description?.raw.pendingActivities?.find(({ activityId }) => activityId === id);
      return pending && { attempt: pending.attempt ?? 0, summary: '' };
    }, `activity ${id} of namespace ${namespaceId} is pending`);
  }

  /** Waits for a run's end, however it ends: an answer may be there before. */
  async ended(namespaceId: string, runId?: string): Promise<void> {
    await this.handle(namespaceId, runId)
      .result()
      .catch(() => undefined);
  }

  /** The events of a run that has ended or will end, in order. */
  async events(namespaceId: string, runId?: string) {
    await this.ended(namespaceId, runId);
    const { events } = await this.handle(namespaceId, runId).fetchHistory();
    return events ?? [];
  }
}
