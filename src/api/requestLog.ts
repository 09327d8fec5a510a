import type { RequestHandler, Response } from 'express';
import type { Logger } from 'pino';

/** What handlers add to the line that is logged for their request. */
export interface RequestNotes {
  namespace_id?: string;
  sync_id?: number | null;
  workflow_id?: string;
  run_id?: string;
  outcome?: string;
  error_code?: string;
  err?: unknown;
}

/** Adds to the request's log line. */
export function note(res: Response, notes: RequestNotes): void {
  res.locals['notes'] = { ...(res.locals['notes'] as RequestNotes | undefined), ...notes };
}

/** Logs one line for each request, with GitLab's field names; never a token, a query or a body. */
export function requestLog(log: Logger): RequestHandler {
  return (req, res, next) => {
    const begun = process.hrtime.bigint();
    res.on('close', () => {
      const line = {
        correlation_id: res.locals['requestId'] as string,
        method: req.method,
        path: req.path.slice(0, 512),
        status: res.statusCode,
        duration_s: Number(process.hrtime.bigint() - begun) / 1e9,
        ...(res.writableFinished ? {} : { aborted: true }),
        ...(res.locals['notes'] as RequestNotes | undefined),
      };
      if (res.statusCode === 500) log.error(line, 'request');
      else if (res.statusCode === 503) log.warn(line, 'request');
      else log.info(line, 'request');
    });
    next();
  };
}
