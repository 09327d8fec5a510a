import type { Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics';
import type { ProblemCode, Why } from './problems';

/** What handlers add to the line that is logged for their request. */
interface RequestNotes extends Why {
  namespace_id?: string;
  sync_id?: number | null;
  workflow_id?: string;
  run_id?: string;
  outcome?: string;
  error_code?: ProblemCode;
  err?: unknown;
}

/** Adds to the request's log line. */
export function note(res: Response, notes: RequestNotes): void {
  res.locals['notes'] = { ...(res.locals['notes'] as RequestNotes | undefined), ...notes };
}

/** Logs and counts each request: one line with GitLab's field names; never a token, a query or a body. */
export function requestLog(log: Logger, metrics: Metrics): RequestHandler {
  return (req, res, next) => {
    const begun = process.hrtime.bigint();
    res.on('close', () => {
      const notes = res.locals['notes'] as RequestNotes | undefined;
      const durationS = Number(process.hrtime.bigint() - begun) / 1e9;
      const labels = { method: req.method, route: routeOf(req) };
      metrics.requests.inc({ ...labels, status: res.statusCode });
      if (notes?.error_code !== undefined) metrics.problems.inc({ code: notes.error_code });
      metrics.requestDuration.observe(labels, durationS);
      const line = {
        correlation_id: res.locals['requestId'] as string,
        method: req.method,
        path: req.path.slice(0, 512),
        status: res.statusCode,
        duration_s: durationS,
        ...(res.writableFinished ? {} : { aborted: true }),
        ...notes,
      };
      if (res.statusCode === 500) log.error(line, 'request');
      else if (res.statusCode === 503) log.warn(line, 'request');
      else log.info(line, 'request');
    });
    next();
  };
}

/** The route that matched, not the path: a client must not be able to make new time series. */
function routeOf(req: Request): string {
  const { path } = (req.route as { path?: unknown } | undefined) ?? {};
  return typeof path === 'string' ? path : 'none';
}
