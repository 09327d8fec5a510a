import type { InvalidRequest } from './failures';

/** Why a namespace cannot be provisioned, as the endpoint says it (contract 1.1, checks 2 and 3); null when it can. */
export function namespaceRefusal(namespace: { parentId: string | null } | null): InvalidRequest | null {
  if (!namespace) return { status: 404, body: { message: '404 Namespace Not Found' } };
  if (namespace.parentId !== null) {
    return { status: 400, body: { message: '400 Bad request - Must be root namespace' } };
  }
  return null;
}
