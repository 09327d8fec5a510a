import express, { type ErrorRequestHandler, type Express, type Router } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { liveness, readiness, type HealthCheck } from './health';
import { measureEndpoint } from './measure';
import { metricsRoute } from './metricsRoute';
import { openApiDocument } from './openApi';
import { HttpProblem, problemOf } from './problems';
import { checkToken, provision, type ProvisionRoute } from './provisionRoute';
import { requestId } from './requestId';
import { note, requestLog } from './requestLog';

export interface AppDependencies extends ProvisionRoute {
  log: Logger;
  checks: Record<string, HealthCheck>;
  /** The issuer of tokens for local use; absent when the real portal issues them. */
  issuer?: Router;
}

const INTERNAL = '/api/v4/internal';
const PROVISION = `${INTERNAL}/gitlab_subscriptions/namespaces/:id/provision`;

/** The HTTP side of the service: the endpoint, its description, health, and the local issuer where there is one. */
export function createApp(deps: AppDependencies): Express {
  const app = express();
  const description = openApiDocument();
  app.set('etag', false);
  app.use(requestId, requestLog(deps.log, deps.metrics), helmet());
  app.get('/-/liveness', liveness);
  app.get('/-/readiness', readiness(deps.checks));
  app.get('/-/metrics', metricsRoute(deps.metrics));
  if (deps.issuer) app.use(deps.issuer);
  app.get(`${INTERNAL}/openapi.json`, (_req, res) => void res.json(description));
  // On the route itself, so that also what fails there is counted for it; then on whatever else there could be.
  app.post(PROVISION, measureEndpoint(deps.metrics, PROVISION), checkToken(deps), provision(deps));
  app.use(INTERNAL, checkToken(deps));
  app.use(() => {
    throw new HttpProblem(404, 'not_found', { error: '404 Not Found' });
  });
  app.use(answerProblem);
  return app;
}

const answerProblem: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  const problem = isUndecodablePath(error) ? NO_SUCH_NAMESPACE : problemOf(error);
  note(res, { error_code: problem.code, ...(problem.status === 500 && { err: error }) });
  if (res.headersSent) {
    next(error);
    return;
  }
  if (problem.retryAfter !== undefined) res.set('Retry-After', String(problem.retryAfter));
  res.status(problem.status).json(problem.body);
};

const NO_SUCH_NAMESPACE = new HttpProblem(404, 'namespace_refused', { message: '404 Namespace Not Found' });

/** Express could not decode `:id` (`%ff`), so no namespace is called that. */
function isUndecodablePath(error: unknown): boolean {
  return error instanceof URIError;
}
