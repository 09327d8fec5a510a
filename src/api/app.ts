import type { Express, RequestHandler, Router } from 'express';
import { INTERNAL_PATH, provisionPath } from '../wire/endpoint';
import { answerProblems } from './answerProblems';
import { auditPages, type AuditPages } from './audit/router';
import { createBareApp, createHealthApp, type BareDependencies } from './healthApp';
import type { Health } from './health';
import { measureEndpoint } from './measure';
import { openApiDocument } from './openApi';
import { HttpProblem } from './problems';
import { checkToken, provision, type ProvisionRoute } from './provisionRoute';

/** What callers use: the endpoint, its description, and the local issuer where there is one. */
export interface EndpointSide extends ProvisionRoute {
  /** Makes a span of each request of the endpoint; null: nothing is traced. */
  trace: RequestHandler | null;
  /** The issuer of tokens for local use; absent when the real portal issues them. */
  issuer?: Router;
}

/** What operators use: health, metrics and the audit pages. */
export interface OperationsSide extends Health {
  /** Null: the pages are not served. */
  audit: AuditPages | null;
}

const PROVISION = provisionPath(':id');

/** What one port of the API serves: one side, or both. */
export function createApp(
  base: BareDependencies,
  { endpoint, operations }: { endpoint?: EndpointSide; operations?: OperationsSide },
): Express {
  const app = operations ? createHealthApp({ ...base, ...operations }) : createBareApp(base);
  if (endpoint) addEndpoint(app, endpoint);
  if (operations?.audit) app.use(auditPages(operations.audit));
  app.use(() => {
    throw new HttpProblem('not_found');
  });
  app.use(answerProblems((res, { body }) => res.json(body)));
  return app;
}

function addEndpoint(app: Express, deps: EndpointSide): void {
  const description = openApiDocument();
  if (deps.issuer) app.use(deps.issuer);
  app.get(`${INTERNAL_PATH}/openapi.json`, (_req, res) => void res.json(description));
  const check = checkToken(deps);
  // An id that cannot be decoded fails as soon as the route is matched, and the token comes before that.
  app.use(INTERNAL_PATH, (req, res, next) => (isDecodable(req.path) ? next() : check(req, res, next)));
  // On the route itself, so that also what fails there is counted for it; then on whatever else there could be.
  if (deps.trace) app.post(PROVISION, deps.trace);
  app.post(PROVISION, measureEndpoint(deps.metrics, PROVISION), check, provision(deps));
  app.use(INTERNAL_PATH, check);
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
