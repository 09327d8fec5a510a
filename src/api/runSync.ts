import { setTimeout as wait } from 'node:timers/promises';
import type { Answer } from '../domain/answer';
import type { SyncInput } from '../domain/sync';
import { workflowIdOf } from '../domain/request';
import type { EarlyAnswers, RunNews } from '../worker/earlyAnswers';
import { readRunFailure } from '../worker/runFailure';
import type { Deadline } from './deadline';
import { HttpProblem } from './problems';
import { startOrJoin, type RunStarter, type StartedRun } from './startRun';

export interface SyncRunner extends RunStarter {
  earlyAnswers: EarlyAnswers;
}

// How long a run that the worker of this process has is waited for before Temporal is asked, too, if that worker says
// nothing at all.
const EARLY_MS = 1_000;

/**
 * Starts the run of a sync, or joins the one that carries the same request, and waits for its answer. Another run
 * of the namespace is waited for (contract 5). Ending the wait never ends the run.
 * @param onRun told the run's id as soon as there is one
 * @throws HttpProblem 503 when the run was stopped by a person, 4xx or 500 as the run ended; DeadlineOver
 */
export async function runSync(
  runner: SyncRunner,
  input: SyncInput,
  deadline: Deadline,
  onRun: (runId: string) => void,
): Promise<Answer> {
  const workflowId = workflowIdOf(input.namespace_id);
  const listener = runner.earlyAnswers.listen(workflowId);
  try {
    const run = await startOrJoin(runner, input, deadline);
    onRun(run.id);
    const answer = answerOf(runner, workflowId, run, listener.newsOf(run.id), deadline);
    return await deadline.bound(answer, 'result');
  } finally {
    listener.stop();
  }
}

/** The answer of a run: as soon as the worker here has recorded it, or when Temporal says that the run has ended. */
async function answerOf(
  { temporal }: SyncRunner,
  workflowId: string,
  run: StartedRun,
  news: RunNews,
  deadline: Deadline,
): Promise<Answer> {
  if (run.isHere) {
    const silence = wait(deadline.part(EARLY_MS), null, { ref: false });
    const answer = await Promise.race([news.answer, news.trouble, silence]);
    if (answer) return answer;
  }
  const { client } = temporal;
  const handle = client.workflow.getHandle(workflowId, run.id, { followRuns: false });
  try {
    const ended = client.withDeadline(deadline.date, () => handle.result()) as Promise<Answer>;
    return await Promise.race([news.answer, ended]);
  } catch (error) {
    const failure = readRunFailure(error);
    switch (failure?.kind) {
      case undefined:
        throw error;
      case 'refused':
        return failure.answer;
      case 'stopped':
        throw new HttpProblem('run_stopped', { reason: failure.how });
      case 'invalid':
        throw new HttpProblem('invalid_request', failure.request);
      case 'bug':
        throw new HttpProblem('run_failed');
    }
  }
}
