import type { ErrorRequestHandler, Response } from 'express';
import { tokenNotes } from './auth/notes';
import { HttpProblem, problemOf } from './problems';
import { note } from './requestLog';

/** Answers and logs whatever was thrown while a request was answered. @param send writes the body */
export function answerProblems(send: (res: Response, problem: HttpProblem) => void): ErrorRequestHandler {
  return (error: unknown, _req, res, next) => {
    const problem = isUndecodablePath(error) ? noSuchNamespace() : problemOf(error);
    note(res, {
      error_code: problem.code,
      ...problem.why,
      ...tokenNotes(error),
      ...(problem.status === 500 && { err: error }),
    });
    if (res.headersSent) {
      next(error);
      return;
    }
    if (problem.retryAfter !== undefined) res.set('Retry-After', String(problem.retryAfter));
    send(res.status(problem.status), problem);
  };
}

/** 404: there is no such namespace (contract 1.1). */
export function noSuchNamespace(): HttpProblem {
  return new HttpProblem(404, 'namespace_refused', { message: '404 Namespace Not Found' });
}

/** Express could not decode `:id` (`%ff`), so no namespace is called that. */
function isUndecodablePath(error: unknown): boolean {
  return error instanceof URIError;
}
