import { isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { TransportError } from '@temporalio/worker';
import { databaseFailure } from '../db/sqlState';
import { KeyUnknown, PortalUnavailable, Unauthorized } from './auth/errors';
import { DeadlineOver } from './deadline';

/** An answer that is not the outcome of a sync (contract 2). `code` names it in logs and in `docs/errors.md`. */
export class HttpProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly body: { message: string } | { error: string },
    /** Seconds, for 503. */
    readonly retryAfter?: number,
  ) {
    super(code);
  }
}

/** 503: the same request may well succeed later. @param code why, for the log */
export function unavailable(code: string): HttpProblem {
  return new HttpProblem(503, code, { message: '503 Service Unavailable' }, RETRY_AFTER);
}

const RETRY_AFTER = 2;

/** Turns anything that was thrown while a request was answered into an answer; what is unknown is a bug (500). */
export function problemOf(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof Unauthorized) {
    return new HttpProblem(401, 'unauthorized', { message: '401 Unauthorized' });
  }
  if (error instanceof KeyUnknown) return unavailable('key_unknown');
  if (error instanceof PortalUnavailable) return unavailable('portal_unavailable');
  if (error instanceof DeadlineOver) return unavailable('wait_over');
  const database = databaseFailure(error)?.class;
  if (database === 'transient') return unavailable('database_unavailable');
  if (database === 'schema') return unavailable('schema_mismatch');
  if (isTemporalUnavailable(error)) return unavailable('temporal_unavailable');
  return new HttpProblem(500, 'internal_error', { message: '500 Internal Server Error' });
}

// gRPC: CANCELLED and DEADLINE_EXCEEDED (ours, when the wait is over), RESOURCE_EXHAUSTED, ABORTED, UNAVAILABLE;
// UNKNOWN and INTERNAL is what a server says whose own database is away.
const GRPC_UNAVAILABLE = new Set([1, 2, 4, 8, 10, 13, 14]);

function isTemporalUnavailable(error: unknown): boolean {
  if (error instanceof TransportError || error instanceof WorkflowNotFoundError) return true;
  // First, as a native connection's gRPC error is a ServiceError, too; the client wraps it in another one.
  if (isGrpcServiceError(error)) return GRPC_UNAVAILABLE.has(error.code);
  return error instanceof ServiceError && isTemporalUnavailable(error.cause);
}
