import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Router, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Pool } from 'pg';
import { findAuditedNamespace, findEntitlements } from '../../db/auditEntitlements';
import { findRecentFailures, findRecentOutcomes } from '../../db/auditOutcomes';
import { findFollowUps } from '../../db/auditFollowUps';
import { findChanges, findRuns } from '../../db/auditRuns';
import { withSnapshot } from '../../db/auditSnapshot';
import type { GitlabSchema, SchemaCache } from '../../db/gitlabSchema';
import { findNamespace } from '../../db/namespaces';
import type { Tx } from '../../db/transaction';
import { fitsInt8, isPrimaryKey } from '../../domain/ids';
import { answerProblems } from '../answerProblems';
import { HttpProblem } from '../problems';
import { note } from '../requestLog';
import { requireReader, type AuditReader } from './basicAuth';
import { namespacePage } from './namespacePage';
import { problemPage } from './problemPage';
import { searchPage } from './searchPage';

export interface AuditPages {
  pool: Pool;
  schema: SchemaCache;
  reader: AuditReader;
  /** The page of a run in the Temporal UI. */
  runUrl: (workflowId: string, runId: string) => string;
}

/** How much one page shows at most. */
const LIMITS = { runs: 20, outcomes: 20, ledgerRowsOfCharts: 500, search: 255 };

/** `/namespaces` and `/namespaces/:id`: what namespaces got, when and why, for people; reading only. */
export function auditPages({ pool, schema, reader, runUrl }: AuditPages): Router {
  const router = Router();
  router.get('/-/audit.css', stylesheet);
  router.use('/namespaces', contentPolicy, neverStored, requireReader(reader));

  router.get('/namespaces', async (req, res) => {
    const sought = searchOf(req.query['q']);
    if (sought !== '') {
      const id = await withSnapshot(pool, (tx) => primaryKeyOf(tx, sought));
      res.redirect(303, `/namespaces/${id}`);
      return;
    }
    const [failures, outcomes] = await withSnapshot(pool, (tx) =>
      tx.send(findRecentFailures(LIMITS.outcomes), findRecentOutcomes(LIMITS.outcomes)),
    );
    res.type('html').send(searchPage({ failures, outcomes, runUrl }));
  });

  router.get('/namespaces/:id', async (req, res) => {
    const before = positionOf(req.query['before']);
    const look = (gitlab: GitlabSchema) => async (tx: Tx) => {
      const id = await primaryKeyOf(tx, req.params.id);
      const [namespace, page, changes, subscription, limits, addOnPurchases] = await tx.send(
        findAuditedNamespace(id),
        findRuns(id, before, LIMITS.runs),
        findChanges(id, LIMITS.ledgerRowsOfCharts),
        ...findEntitlements(gitlab, id),
      );
      // A namespace that was deleted still has its history.
      if (!namespace && page.runs.length === 0) throw new HttpProblem('namespace_refused');
      const entitlements = limits && { subscription, limits, addOnPurchases };
      const [followUps] = await tx.send(findFollowUps(page.runs.map(({ runId }) => runId)));
      return { id, namespace, ...page, followUps, entitlements, changes };
    };
    const history = await schema.use((gitlab) => withSnapshot(pool, look(gitlab)));
    note(res, { namespace_id: history.id });
    res.type('html').send(namespacePage({ ...history, before, runUrl, now: Date.now() }));
  });

  router.use(
    '/namespaces',
    answerProblems((res, problem) => res.type('html').send(problemPage(problem))),
  );
  return router;
}

/** Nothing but our stylesheet: no script runs, whatever a page should come to hold. */
const contentPolicy = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    'default-src': ["'none'"],
    'style-src': ["'self'"],
    'img-src': ['data:'], // the icon
    'form-action': ["'self'"],
    'base-uri': ["'none'"],
    'frame-ancestors': ["'none'"],
  },
});

const neverStored: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-store');
  next();
};

const CSS = readFileSync(path.join(__dirname, 'audit.css'), 'utf8');
const stylesheet: RequestHandler = (_req, res) => {
  res.set('Cache-Control', 'max-age=300').type('css').send(CSS);
};

/** The primary key for an id or full path. @throws HttpProblem 404 for a path that no namespace has */
async function primaryKeyOf(tx: Tx, id: string): Promise<string> {
  const lookUp = findNamespace(id);
  const [found] = lookUp ? await tx.send(lookUp) : [];
  if (found) return found.id;
  if (isPrimaryKey(id) && fitsInt8(id)) return String(BigInt(id)); // it may have been deleted
  throw new HttpProblem('namespace_refused');
}

function searchOf(query: unknown): string {
  const text = typeof query === 'string' ? query.trim().replace(/^\/+|\/+$/g, '') : '';
  if (text.length <= LIMITS.search) return text;
  throw new HttpProblem('audit_query_invalid', {
    body: { error: `A search has at most ${LIMITS.search} characters` },
  });
}

function positionOf(query: unknown): string | null {
  if (query === undefined) return null;
  if (typeof query === 'string' && isPrimaryKey(query) && fitsInt8(query)) return query;
  throw new HttpProblem('audit_query_invalid', { body: { error: 'There is no such page of the time-line' } });
}
