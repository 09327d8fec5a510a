import { isJsonObject } from './addOnInput';
import { isCorrelationId } from './correlationId';
import type { InvalidRequest } from './failures';
import { canonicalId } from './namespaceId';
import type { SyncInput } from './sync';
import { parseSyncBody } from './syncRequest';

/** The id of the workflow that provisions a namespace: there is one open run of it at most (contract 5). */
export function workflowIdOf(namespaceId: string): string {
  return `provision:${namespaceId}`;
}

type Parsed = { ok: true; input: SyncInput } | { ok: false; refusal: InvalidRequest };

/**
 * Reads the input of a workflow run, which a person may have written by hand: `namespace_id` (number or digits),
 * `provision`, and optionally `sync_id` and `correlation_id`. The same rules as at the endpoint hold (contract 1.3); what
 * cannot even be handed on, the workflow itself has refused (`workflows/inputProblem`).
 * @param workflowId the run's own id, which must be the namespace's: it is the lock
 */
export function parseSyncInput(request: unknown, workflowId: string): Parsed {
  const root = isJsonObject(request) ? request : {};
  const { namespace_id: sentId } = root;
  if (sentId === undefined || sentId === null) return refuse('namespace_id is missing');
  const namespaceId = canonicalId(sentId);
  if (namespaceId === null) return refuse('namespace_id is invalid');
  if (workflowId !== workflowIdOf(namespaceId)) {
    return refuse(`the workflow id must be ${workflowIdOf(namespaceId)}`);
  }
  const body = parseSyncBody(request);
  if (!body.ok) return refuse(body.errors.join(', '));
  const { correlation_id: correlationId } = root;
  return {
    ok: true,
    input: {
      namespace_id: namespaceId,
      sync_id: body.syncId,
      provision: body.provision,
      correlation_id: isCorrelationId(correlationId) ? correlationId : null,
    },
  };
}

function refuse(error: string): Parsed {
  return { ok: false, refusal: { status: 400, body: { error } } };
}
