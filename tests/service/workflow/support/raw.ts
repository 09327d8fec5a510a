import { randomUUID } from 'node:crypto';
import type { TemporalProbe } from '../../../support/temporal';

/** A payload as it is on the wire: an SDK would not send most of these. */
interface RawPayload {
  metadata: Record<string, Uint8Array>;
  data: Uint8Array;
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** @param text the bytes of the payload, whether they are what the encoding says or not */
export function payload(text: string, encoding = 'json/plain'): RawPayload {
  return { metadata: { encoding: bytes(encoding) }, data: bytes(text) };
}

/**
 * Starts a run of a namespace with payloads as they are.
 * @param workflowId `provision:<namespace id>`
 * @returns the run's id
 */
export async function startRaw(
  { client }: TemporalProbe,
  workflowId: string,
  input: RawPayload[],
  more: { memo?: Record<string, RawPayload>; taskQueue?: string } = {},
): Promise<string> {
  const { runId } = await client.workflowService.startWorkflowExecution({
    namespace: client.options.namespace,
    workflowId,
    workflowType: { name: 'provisionNamespace' },
    taskQueue: { name: more.taskQueue ?? 'provisioning' },
    requestId: randomUUID(),
    input: { payloads: input },
    ...(more.memo && { memo: { fields: more.memo } }),
  });
  return runId;
}

/** Signals the open run of a namespace with payloads as they are. */
export async function signalRaw(
  { client }: TemporalProbe,
  workflowId: string,
  signalName: string,
  input: RawPayload[],
): Promise<void> {
  await client.workflowService.signalWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId },
    signalName,
    input: { payloads: input },
  });
}
