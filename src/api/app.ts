import type { Express, RequestHandler, Router } from 'express';
import { answerProblems } from './answerProblems';
import { auditPages, type AuditPages } from './audit/router';
import { createHealthApp, type HealthDependencies } from './healthApp';
import { measureEndpoint } from './measure';
import { openApiDocument } from './openApi';
import { HttpProblem } from './problems';
import { checkToken, provision, type ProvisionRoute } from './provisionRoute';

export interface AppDependencies extends ProvisionRoute, HealthDependencies {
  /** Makes a span of each request of the endpoint; null: nothing is traced. */
  trace: RequestHandler | null;
  /** What GitLab's database has of what it is about to remove; for the audit pages. */
  schema: AuditPages['schema'];
  /** The issuer of tokens for local use; absent when the real portal issues them. */
  issuer?: Router;
  /** Who may read the audit pages; absent when they are not served. */
  auditReader?: AuditPages['reader'];
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
  if (deps.auditReader) app.use(auditPages({ ...deps, reader: deps.auditReader }));
  app.use(() => {
    throw new HttpProblem(404, 'not_found', { error: '404 Not Found' });
  });
  app.use(answerProblems((res, { body }) => res.json(body)));
  return app;
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
