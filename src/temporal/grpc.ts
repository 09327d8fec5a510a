import { isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { TransportError } from '@temporalio/worker';

/** The codes of gRPC that something here depends on. */
const STATUS = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  ABORTED: 10,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

type StatusName = keyof typeof STATUS;

// UNKNOWN and INTERNAL is what a server says whose own database is away. Who may not come in now may again when an
// operator has set it right.
const UNAVAILABLE: readonly StatusName[] = [
  'CANCELLED',
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
  'INTERNAL',
  'UNAVAILABLE',
  'UNAUTHENTICATED',
];

/** An answer of Temporal that is none, and what it says. */
interface GrpcFailure {
  /** Null: one that is not listed above. */
  status: StatusName | null;
  details: string;
}

function grpcFailure(error: unknown): GrpcFailure | null {
  // First, as a native connection's gRPC error is a ServiceError, too; the client wraps it in another one.
  if (isGrpcServiceError(error)) {
    const [status] = Object.entries(STATUS).find(([, code]) => code === Number(error.code)) ?? [];
    return { status: (status as StatusName | undefined) ?? null, details: error.details || error.message };
  }
  return error instanceof ServiceError ? grpcFailure(error.cause) : null;
}

/** Why Temporal cannot be asked now, for the log; null when `error` says nothing of that kind. */
export function temporalUnavailable(error: unknown): string | null {
  // A server that lost its data, or that has not been told of its namespace (again) yet.
  if (error instanceof WorkflowNotFoundError) return 'NOT_FOUND: the run is unknown';
  if (error instanceof NamespaceNotFoundError) return `NOT_FOUND: namespace ${error.namespace}`;
  if (error instanceof TransportError) return error.message;
  const status = grpcFailure(error)?.status;
  return status && UNAVAILABLE.includes(status) ? reasonOf(error) : null;
}

/** What Temporal said, in one short line for people. */
export function reasonOf(error: unknown): string {
  const failure = grpcFailure(error);
  const text = failure ? `${failure.status ?? 'gRPC'}: ${failure.details}` : String(error);
  return (text.split('\n', 1)[0] ?? '').slice(0, 300);
}

/** Whether a call ended because its deadline came. */
export function isCutShort(error: unknown): boolean {
  const status = grpcFailure(error)?.status;
  return status === 'DEADLINE_EXCEEDED' || status === 'CANCELLED';
}

/** Whether Temporal refuses what was asked, e.g. for a search attribute that it does not have. */
export function isInvalidArgument(error: unknown): boolean {
  return grpcFailure(error)?.status === 'INVALID_ARGUMENT';
}
