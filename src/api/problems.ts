import { databaseFailure } from '../db/sqlState';
import { MAX_BODY_BYTES } from '../domain/json';
import { temporalUnavailable } from '../worker/grpc';
import { DeadlineOver, type Stage } from './deadline';

/** The body of an answer that is no outcome of a sync, with the key that GitLab uses for it. */
export type ProblemBody = { message: string } | { error: string };

/** What a 503 needed and did not get. `run`: the request's run, or an earlier one of its namespace. */
type Dependency = 'portal' | 'gitlab_database' | 'temporal' | 'caller' | 'run';

/** One kind of answer that is no outcome of a sync (contract 2). */
interface Problem {
  /** The first one, unless the problem itself says which. */
  statuses: readonly [number, ...number[]];
  /** The body, unless the problem itself has one. */
  body: ProblemBody;
  /** True: the same request may succeed later, so the answer has `Retry-After`. */
  isTransient: boolean;
  /** What the log names as missing. */
  dependency?: Dependency;
}

const refused = (status: number, body: ProblemBody, ...others: number[]): Problem => ({
  statuses: [status, ...others],
  body,
  isTransient: false,
});
const transient = (dependency: Dependency): Problem => ({
  statuses: [503],
  body: { message: '503 Service Unavailable' },
  isTransient: true,
  dependency,
});
const bug: Problem = refused(500, { message: '500 Internal Server Error' });

/**
 * The catalogue: each answer that is no outcome of a sync, by the code that names it in logs and metrics.
 * `docs/errors.md` explains each.
 */
export const PROBLEMS = {
  audit_query_invalid: refused(400, { error: '400 Bad Request' }),
  audit_unauthorized: refused(401, { error: '401 Unauthorized' }),
  body_too_large: refused(413, { error: `The body must not be larger than ${MAX_BODY_BYTES / 1024}kb` }),
  database_unavailable: transient('gitlab_database'),
  internal_error: bug,
  invalid_parameters: refused(400, { error: 'provision is invalid' }),
  invalid_request: refused(400, { error: '400 Bad Request' }, 404),
  key_unknown: transient('portal'),
  malformed_json: refused(400, { error: 'The body is not valid JSON' }),
  namespace_refused: refused(404, { message: '404 Namespace Not Found' }, 400),
  not_found: refused(404, { error: '404 Not Found' }),
  portal_unavailable: transient('portal'),
  run_failed: bug,
  run_stopped: transient('run'),
  schema_mismatch: transient('gitlab_database'),
  temporal_unavailable: transient('temporal'),
  unauthorized: refused(401, { message: '401 Unauthorized' }),
  unsupported_media_type: refused(415, { error: 'The body must be application/json' }),
  wait_over: transient('run'),
} satisfies Record<string, Problem>;

export type ProblemCode = keyof typeof PROBLEMS;

/** Why a request is answered as it is, for its log line: codes, names and texts of ours, never a value. */
export interface Why {
  reason?: string;
  dependency?: Dependency;
  /** The parameters that are missing or invalid, of a 400. */
  parameters?: string[];
  /** The `kid` of a token that is not accepted. */
  kid?: string;
}

// Seconds.
const RETRY_AFTER = 2;

/** An answer of the catalogue. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly body: ProblemBody;
  /** What the log says besides `code`; the `reason` of a 4XX is what its answer says. */
  readonly why: Why;
  /** Seconds; null: the same request cannot succeed. */
  readonly retryAfter: number | null;

  /** @param details what this problem does not take from the catalogue, and why, for the log */
  constructor(
    readonly code: ProblemCode,
    { status, body, ...why }: Why & { status?: number; body?: ProblemBody } = {},
  ) {
    super(code);
    const problem: Problem = PROBLEMS[code];
    this.status = status ?? problem.statuses[0];
    this.body = body ?? problem.body;
    this.retryAfter = problem.isTransient ? RETRY_AFTER : null;
    const [reason] = Object.values<string>(this.body);
    this.why = {
      ...(reason !== undefined && this.status < 500 && { reason }),
      ...(problem.dependency && { dependency: problem.dependency }),
      ...why,
    };
  }
}

/** What a request waits for at each stage. */
const WAITS_FOR: Record<Stage, Dependency> = {
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
  // Express cannot decode `:id` (`%ff`), so no namespace has this name.
  if (error instanceof URIError) return new HttpProblem('namespace_refused');
  if (error instanceof DeadlineOver) {
    return new HttpProblem('wait_over', { dependency: WAITS_FOR[error.stage], reason: error.message });
  }
  const database = databaseFailure(error);
  if (database?.class === 'transient') {
    return new HttpProblem('database_unavailable', { reason: database.condition });
  }
  if (database?.class === 'schema') {
    return new HttpProblem('schema_mismatch', { reason: database.condition });
  }
  const temporal = temporalUnavailable(error);
  if (temporal !== null) return new HttpProblem('temporal_unavailable', { reason: temporal });
  return new HttpProblem('internal_error');
}
