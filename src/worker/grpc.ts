import { isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { TransportError } from '@temporalio/worker';

const INVALID_ARGUMENT = 3;
const [CANCELLED, DEADLINE_EXCEEDED] = [1, 4];

/**
 * What passes. UNKNOWN and INTERNAL is what a server says whose own database is away. Who may not come in now may again
 * when an operator has set it right.
 */
const UNAVAILABLE = new Map([
  [CANCELLED, 'CANCELLED'],
  [2, 'UNKNOWN'],
  [DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED'],
  [7, 'PERMISSION_DENIED'],
  [8, 'RESOURCE_EXHAUSTED'],
  [10, 'ABORTED'],
  [13, 'INTERNAL'],
  [14, 'UNAVAILABLE'],
  [16, 'UNAUTHENTICATED'],
]);

/** The code of gRPC that a call ended with, and what was said to it; null when the error is none of gRPC's. */
function grpcFailure(error: unknown): { code: number; details: string } | null {
  // First, as a native connection's gRPC error is a ServiceError, too; the client wraps it in another one.
  if (isGrpcServiceError(error)) return { code: error.code, details: error.details || error.message };
  return error instanceof ServiceError ? grpcFailure(error.cause) : null;
}

/** Why Temporal cannot be asked now, for the log; null when `error` says nothing of that kind. */
export function temporalUnavailable(error: unknown): string | null {
  // A server that lost its data, or that has not been told of its namespace (again) yet.
  if (error instanceof WorkflowNotFoundError) return 'NOT_FOUND: the run is unknown';
  if (error instanceof NamespaceNotFoundError) return `NOT_FOUND: namespace ${error.namespace}`;
  if (error instanceof TransportError) return error.message;
  const failure = grpcFailure(error);
  return failure && UNAVAILABLE.has(failure.code) ? reasonOf(error) : null;
}

/** What Temporal said, in one short line for people. */
export function reasonOf(error: unknown): string {
  const failure = grpcFailure(error);
  const name = failure && (UNAVAILABLE.get(failure.code) ?? `gRPC ${failure.code}`);
  const text = failure ? `${name}: ${failure.details}` : String(error);
  return (text.split('\n', 1)[0] ?? '').slice(0, 300);
}

/** Whether a call ended because its deadline came. */
export function isCutShort(error: unknown): boolean {
  const code = grpcFailure(error)?.code;
  return code === DEADLINE_EXCEEDED || code === CANCELLED;
}

/** Whether Temporal refuses what was asked, e.g. for a search attribute that it does not have. */
export function isInvalidArgument(error: unknown): boolean {
  return grpcFailure(error)?.code === INVALID_ARGUMENT;
}
