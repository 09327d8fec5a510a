import type { InvalidRequest } from './failures';

type Checked<Namespace> = { ok: true; namespace: Namespace } | { ok: false; refusal: InvalidRequest };

/** Whether a namespace can be provisioned, or why not as the endpoint says it (contract 1.1, checks 2 and 3). */
export function checkNamespace<Namespace extends { parentId: string | null }>(
  namespace: Namespace | null,
): Checked<Namespace> {
  if (!namespace) return refuse({ status: 404, body: { message: '404 Namespace Not Found' } });
  if (namespace.parentId === null) return { ok: true, namespace };
  return refuse({ status: 400, body: { message: '400 Bad request - Must be root namespace' } });
}

function refuse(refusal: InvalidRequest): { ok: false; refusal: InvalidRequest } {
  return { ok: false, refusal };
}
