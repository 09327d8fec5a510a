import type { ErrorRequestHandler, Express, RequestHandler, Router } from 'express';
import { createHealthApp, type HealthDependencies } from './healthApp';
import { measureEndpoint } from './measure';
import { openApiDocument } from './openApi';
import { HttpProblem, problemOf } from './problems';
import { checkToken, provision, type ProvisionRoute } from './provisionRoute';
import { note } from './requestLog';

export interface AppDependencies extends ProvisionRoute, HealthDependencies {
  /** Makes a span of each request of the endpoint; null: nothing is traced. */
  trace: RequestHandler | null;
  /** The issuer of tokens for local use; absent when the real portal issues them. */
  issuer?: Router;
}

const INTERNAL = '/api/v4/internal';
const PROVISION = `${INTERNAL}/gitlab_subscriptions/namespaces/:id/provision`;

/** The HTTP side of the service: the endpoint, its description, health, and the local issuer where there is one. */
export function createApp(deps: AppDependencies): Express {
  const app = createHealthApp(deps);
  const description = openApiDocument();
  if (deps.issuer) app.use(deps.issuer);
  app.get(`${INTERNAL}/openapi.json`, (_req, res) => void res.json(description));
  const check = checkToken(deps);
  // An id that cannot be decoded fails as soon as the route is matched, and the token comes before that.
  app.use(INTERNAL, (req, res, next) => (isDecodable(req.path) ? next() : check(req, res, next)));
  // On the route itself, so that also what fails there is counted for it; then on whatever else there could be.
  if (deps.trace) app.post(PROVISION, deps.trace);
  app.post(PROVISION, measureEndpoint(deps.metrics, PROVISION), check, provision(deps));
  app.use(INTERNAL, check);
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

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** Express could not decode `:id` (`%ff`), so no namespace is called that. */
function isUndecodablePath(error: unknown): boolean {
  return error instanceof URIError;
}
