import type { ErrorRequestHandler, Response } from 'express';
import { problemOf, type HttpProblem } from './problems';
import { note } from './requestLog';

/** Answers and logs whatever was thrown while a request was answered. @param send writes the body */
export function answerProblems(send: (res: Response, problem: HttpProblem) => void): ErrorRequestHandler {
  return (error: unknown, _req, res, next) => {
    const problem = problemOf(error);
    note(res, { error_code: problem.code, ...problem.why, ...(problem.status === 500 && { err: error }) });
    if (res.headersSent) {
      next(error);
      return;
    }
    if (problem.retryAfter !== null) res.set('Retry-After', String(problem.retryAfter));
    send(res.status(problem.status), problem);
  };
}
