import type { Answer } from '../domain/answer';

/** What a request listens for while its run is under way. */
export interface Listener {
  /** Resolves when the worker of this process has recorded the answer of this run; else never. */
  answerOf(runId: string): Promise<Answer>;
  stop(): void;
}

/**
 * Hands answers from the worker to the requests of the same process. An answer is passed on once it is recorded in
 * the ledger: the run ends with it, whatever happens then, so nobody needs to wait until Temporal has closed the run.
 */
export class EarlyAnswers {
  private readonly listeners = new Map<string, Set<(runId: string, answer: Answer) => void>>();

  /** Told by the worker. Who does not listen by then asks Temporal. */
  give(workflowId: string, runId: string, answer: Answer): void {
    for (const listener of this.listeners.get(workflowId) ?? []) listener(runId, answer);
  }

  /** To be called before the run is started, as its answer may be there before its id is. */
  listen(workflowId: string): Listener {
    const given = new Map<string, Answer>();
    const waiting = new Map<string, (answer: Answer) => void>();
    const listener = (runId: string, answer: Answer) => {
      given.set(runId, answer);
      waiting.get(runId)?.(answer);
    };
    const all = this.listeners.get(workflowId) ?? new Set();
    this.listeners.set(workflowId, all.add(listener));
    return {
      answerOf: (runId) =>
        new Promise((resolve) => {
          const answer = given.get(runId);
          if (answer) resolve(answer);
          else waiting.set(runId, resolve);
        }),
      stop: () => {
        all.delete(listener);
        if (all.size === 0) this.listeners.delete(workflowId);
      },
    };
  }
}
