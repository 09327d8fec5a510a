import { canonicalId, isCorrelationId, isSyncId } from './ids';
import type { InvalidRequest } from './answer';
import { isJsonObject } from './json';
import { parseProvision, type Provision } from './provision';
import type { SyncInput } from './sync';

/** A value that was checked, or the answer that refuses it. */
export type Checked<T> = { ok: true; value: T } | { ok: false; refusal: InvalidRequest };

/** Whether a namespace can be provisioned, or why not as the endpoint says it (contract 1.1, checks 2 and 3). */
export function checkNamespace<Namespace extends { parentId: string | null }>(
  namespace: Namespace | null,
): Checked<Namespace> {
  if (!namespace) return refuse(404, { message: '404 Namespace Not Found' });
  if (namespace.parentId === null) return { ok: true, value: namespace };
  return refuse(400, { message: '400 Bad request - Must be root namespace' });
}

function refuse(status: InvalidRequest['status'], body: InvalidRequest['body']): Checked<never> {
  return { ok: false, refusal: { status, body } };
}

export type ParsedSyncBody =
  { ok: true; syncId: number | null; provision: Provision } | { ok: false; errors: string[] };

/**
 * Reads the JSON body of a sync (contract 1.3). Unknown root keys are ignored. `syncId` is null when absent or null.
 * `errors` holds those of `provision` first, in the order of its schema, then the one of `sync_id`.
 * A body that is no object has no `provision`, thus `provision is missing`.
 */
export function parseSyncBody(body: unknown): ParsedSyncBody {
  const root = isJsonObject(body) ? body : {};
  const parsed = Object.hasOwn(root, 'provision')
    ? parseProvision(root['provision'])
    : { ok: false as const, errors: ['provision is missing'] };
  const syncId = Object.hasOwn(root, 'sync_id') ? root['sync_id'] : null;
  const isValid = syncId === null || isSyncId(syncId);
  const syncIdErrors = isValid ? [] : ['sync_id is invalid'];
  if (parsed.ok && isValid) return { ok: true, syncId, provision: parsed.provision };
  return { ok: false, errors: [...(parsed.ok ? [] : parsed.errors), ...syncIdErrors] };
}

/** The id of the workflow that provisions a namespace: there is one open run of it at most (contract 5). */
export function workflowIdOf(namespaceId: string): string {
  return `provision:${namespaceId}`;
}

/**
 * Reads the input of a workflow run, which a person may have written by hand: `namespace_id` (number or digits),
 * `provision`, and optionally `sync_id` and `correlation_id`. The same rules as at the endpoint hold (contract 1.3); what
 * cannot even be handed on, the workflow itself has refused (`workflows/inputProblem`).
 * @param workflowId the run's own id, which must be the namespace's: it is the lock
 */
export function parseSyncInput(request: unknown, workflowId: string): Checked<SyncInput> {
  const root = isJsonObject(request) ? request : {};
  const { namespace_id: sentId } = root;
  if (sentId === undefined || sentId === null) return refuse(400, { error: 'namespace_id is missing' });
  const namespaceId = canonicalId(sentId);
  if (namespaceId === null) return refuse(400, { error: 'namespace_id is invalid' });
  if (workflowId !== workflowIdOf(namespaceId)) {
    return refuse(400, { error: `the workflow id must be ${workflowIdOf(namespaceId)}` });
  }
  const body = parseSyncBody(request);
  if (!body.ok) return refuse(400, { error: body.errors.join(', ') });
  const { correlation_id: correlationId } = root;
  return {
    ok: true,
    value: {
      namespace_id: namespaceId,
      sync_id: body.syncId,
      provision: body.provision,
      correlation_id: isCorrelationId(correlationId) ? correlationId : null,
    },
  };
}
