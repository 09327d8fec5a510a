import type { Request, RequestHandler, Response } from 'express';
import type { Pool } from 'pg';
import { findNamespace } from '../db/namespaces';
import { run } from '../db/statement';
import { supersededAnswer, type Answer } from '../domain/answer';
import { checkNamespace, parseSyncBody, workflowIdOf } from '../domain/request';
import type { Metrics } from '../metrics/metrics';
import type { VerifyToken } from './auth/verifyToken';
import { Deadline } from './deadline';
import { countAnswer, countRefusals, countWaiting } from './measure';
import { HttpProblem } from './problems';
import { readJsonBody } from './readBody';
import { note } from './requestLog';
import { runSync, type SyncRunner } from './runSync';

export interface ProvisionRoute {
  pool: Pool;
  metrics: Metrics;
  verifyToken: VerifyToken;
  runner: SyncRunner;
  waitMs: number;
  /** The page of a run in the Temporal UI. */
  runUrl: (workflowId: string, runId: string) => string;
}

const STATUS = { success: 200, error: 422, skipped: 409 } as const satisfies Record<Answer['status'], number>;

/** Check 1 of contract 1.1, before anything else is looked at; starts the request's wait. */
export function checkToken({ verifyToken, waitMs, metrics }: ProvisionRoute): RequestHandler {
  return async (req, res, next) => {
    const deadline = Deadline.in(waitMs);
    res.locals['deadline'] = deadline;
    const token = req.get('x-customers-dot-internal-token');
    await deadline.bound(countRefusals(metrics, verifyToken(token)), 'token');
    next();
  };
}

/** `POST …/namespaces/:id/provision`: checks 2 to 4 of contract 1.1, then the run and its answer (contract 2). */
export function provision(route: ProvisionRoute): RequestHandler<{ id: string }> {
  return async (req, res) => {
    const deadline = res.locals['deadline'] as Deadline;
    const lookUp = findNamespace(req.params.id);
    const found = checkNamespace(lookUp && (await deadline.bound(run(route.pool, lookUp), 'namespace')));
    if (!found.ok) throw new HttpProblem('namespace_refused', found.refusal);
    const namespace = found.value;
    note(res, { namespace_id: namespace.id });

    const body = parseSyncBody(await deadline.bound(readJsonBody(req as Request), 'body'));
    if (!body.ok) {
      const parameters = body.errors.map((error) => error.replace(/ is \w+$/, ''));
      throw new HttpProblem('invalid_parameters', { body: { error: body.errors.join(', ') }, parameters });
    }
    const { syncId, provision } = body;
    note(res, { sync_id: syncId });
    if (syncId !== null && namespace.newestSyncId !== null && syncId < namespace.newestSyncId) {
      return sendAnswer(route, res, supersededAnswer(namespace.newestSyncId), 'door');
    }

    const input = {
      namespace_id: namespace.id,
      sync_id: syncId,
      provision,
      correlation_id: res.locals['requestId'] as string,
    };
    const answer = await countWaiting(route.metrics, (onRun) =>
      runSync(route.runner, input, deadline, (runId) => {
        onRun();
        nameRun(route, res, namespace.id, runId);
      }),
    );
    sendAnswer(route, res, answer, 'run');
  };
}

function nameRun({ runUrl }: ProvisionRoute, res: Response, namespaceId: string, runId: string): void {
  const workflowId = workflowIdOf(namespaceId);
  note(res, { workflow_id: workflowId, run_id: runId });
  res.set({
    'X-Provision-Workflow-Id': workflowId,
    'X-Provision-Run-Id': runId,
    'X-Provision-Workflow-Url': runUrl(workflowId, runId),
  });
}

function sendAnswer(
  { metrics }: ProvisionRoute,
  res: Response,
  answer: Answer,
  decidedAt: 'door' | 'run',
): void {
  countAnswer(metrics, answer, decidedAt);
  note(res, { outcome: answer.status });
  res.status(STATUS[answer.status]).json(answer);
}
