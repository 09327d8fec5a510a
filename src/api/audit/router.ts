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
import type { Tx } from '../../db/pool';
import { fitsInt8, isPrimaryKey } from '../../domain/namespaceId';
import { answerProblems, noSuchNamespace } from '../answerProblems';
import { findNamespace } from '../findNamespace';
import { HttpProblem } from '../problems';
import { note } from '../requestLog';
import { onlyFor, type AuditReader } from './basicAuth';
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
  router.use('/namespaces', contentPolicy, neverStored, onlyFor(reader));

  router.get('/namespaces', async (req, res) => {
    const sought = searchOf(req.query['q']);
    if (sought !== '') {
      const id = await withSnapshot(pool, (tx) => primaryKeyOf(tx, sought));
      res.redirect(303, `/namespaces/${id}`);
      return;
    }
    const lists = await withSnapshot(pool, async (tx) => ({
      failures: await findRecentFailures(tx, LIMITS.outcomes),
      outcomes: await findRecentOutcomes(tx, LIMITS.outcomes),
    }));
    res.type('html').send(searchPage({ ...lists, runUrl }));
  });

  router.get('/namespaces/:id', async (req, res) => {
    const before = positionOf(req.query['before']);
    const look = (gitlab: GitlabSchema) => async (tx: Tx) => {
      const id = await primaryKeyOf(tx, req.params.id);
      const namespace = await findAuditedNamespace(tx, id);
      const page = await findRuns(tx, id, before, LIMITS.runs);
      // A namespace that was deleted still has its history.
      if (!namespace && page.runs.length === 0) throw noSuchNamespace();
      return {
        id,
        namespace,
        ...page,
        followUps: await findFollowUps(
          tx,
          page.runs.map(({ runId }) => runId),
        ),
        entitlements: namespace && (await findEntitlements(tx, gitlab, id)),
        changes: await findChanges(tx, id, LIMITS.ledgerRowsOfCharts),
      };
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
  const found = await findNamespace(tx, id);
  if (found) return found.id;
  if (isPrimaryKey(id) && fitsInt8(id)) return String(BigInt(id)); // it may have been deleted
  throw noSuchNamespace();
}

function searchOf(query: unknown): string {
  const text = typeof query === 'string' ? query.trim().replace(/^\/+|\/+$/g, '') : '';
  if (text.length <= LIMITS.search) return text;
  throw new HttpProblem(400, 'audit_query_invalid', {
    error: `A search has at most ${LIMITS.search} characters`,
  });
}

function positionOf(query: unknown): string | null {
  if (query === undefined) return null;
  if (typeof query === 'string' && isPrimaryKey(query) && fitsInt8(query)) return query;
  throw new HttpProblem(400, 'audit_query_invalid', { error: 'There is no such page of the time-line' });
}
