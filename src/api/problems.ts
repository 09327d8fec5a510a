import { databaseFailure } from '../db/sqlState';
import { temporalUnavailable } from '../worker/grpc';
import { KeyUnknown, PortalUnavailable, Unauthorized } from './auth/errors';
import { DeadlineOver, type Stage } from './deadline';

/** What an answer that is no outcome of a sync can be about (`docs/errors.md`). */
export const PROBLEM_CODES = [
  'audit_query_invalid',
  'audit_unauthorized',
  'body_too_large',
  'database_unavailable',
  'internal_error',
  'invalid_parameters',
  'invalid_request',
  'key_unknown',
  'malformed_json',
  'namespace_refused',
  'not_found',
  'portal_unavailable',
  'run_failed',
  'run_stopped',
  'schema_mismatch',
  'temporal_unavailable',
  'unauthorized',
  'unsupported_media_type',
  'wait_over',
] as const;
type ProblemCode = (typeof PROBLEM_CODES)[number];

/** Why a request was answered as it was, for its log line: codes, names and texts of ours, never a value. */
export interface Why {
  reason: string;
  /** What it needed and did not get, of a 503. */
  dependency?: Dependency;
  /** The parameters that are missing or invalid, of a 400. */
  parameters?: string[];
}

/** `run`: another run of the namespace, or the request's own, took too long, or was stopped. */
type Dependency = 'portal' | 'gitlab_database' | 'temporal' | 'caller' | 'run';

/** An answer that is not the outcome of a sync (contract 2). `code` names it in logs and in `docs/errors.md`. */
export class HttpProblem extends Error {
  readonly why: Partial<Why>;
  constructor(
    readonly status: number,
    readonly code: ProblemCode,
    readonly body: { message: string } | { error: string },
    /** What the log says besides; a 4XX says what its answer says. */
    why: Partial<Why> = {},
    /** Seconds, for 503. */
    readonly retryAfter?: number,
  ) {
    super(code);
    const [reason] = Object.values<string>(body);
    this.why = { ...(reason !== undefined && status < 500 && { reason }), ...why };
  }
}

/** 503: the same request may well succeed later. @param code and why, for the log */
export function unavailable(code: ProblemCode, why: Why & { dependency: Dependency }): HttpProblem {
  return new HttpProblem(503, code, { message: '503 Service Unavailable' }, why, RETRY_AFTER);
}

const RETRY_AFTER = 2;

/** Whom a request waited for at each stage. */
const WAITED_FOR: Record<Stage, Dependency> = {
  token: 'portal',
  namespace: 'gitlab_database',
  body: 'caller',
  start: 'temporal',
  turn: 'run',
  result: 'run',
};

/** Turns anything that was thrown while a request was answered into an answer; what is unknown is a bug (500). */
export function problemOf(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof Unauthorized) {
    const { reason } = error;
    return new HttpProblem(401, 'unauthorized', { message: '401 Unauthorized' }, { reason });
  }
  if (error instanceof KeyUnknown) {
    return unavailable('key_unknown', { dependency: 'portal', reason: error.reason });
  }
  if (error instanceof PortalUnavailable) {
    return unavailable('portal_unavailable', { dependency: 'portal', reason: error.reason });
  }
  if (error instanceof DeadlineOver) {
    return unavailable('wait_over', { dependency: WAITED_FOR[error.stage], reason: error.message });
  }
  const database = databaseFailure(error);
  if (database?.class === 'transient') {
    return unavailable('database_unavailable', { dependency: 'gitlab_database', reason: database.condition });
  }
  if (database?.class === 'schema') {
    return unavailable('schema_mismatch', { dependency: 'gitlab_database', reason: database.condition });
  }
  const temporal = temporalUnavailable(error);
  if (temporal !== null) {
    return unavailable('temporal_unavailable', { dependency: 'temporal', reason: temporal });
  }
  return new HttpProblem(500, 'internal_error', { message: '500 Internal Server Error' });
}
