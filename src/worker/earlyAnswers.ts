import type { Answer } from '../domain/answer';

/** What the worker of this process tells of a run. */
export interface RunNews {
  /** Resolves when the answer is recorded; else never. */
  answer: Promise<Answer>;
  /** Resolves when the run has left the normal case: its answer may come from elsewhere, so Temporal is to be asked. */
  trouble: Promise<null>;
}

/** What a request listens for while its run is under way. */
export interface Listener {
  newsOf(runId: string): RunNews;
  stop(): void;
}

/** Resolves the promises of a run's news. */
interface Teller extends RunNews {
  give(answer: Answer): void;
  warn(): void;
}

/**
 * Hands answers from the worker to the requests of the same process. An answer is passed on once it is recorded in
 * the ledger: the run ends with it, whatever happens then, so nobody needs to wait until Temporal has closed the run.
 */
export class EarlyAnswers {
  /** By workflow; each tells about a run. */
  private readonly listeners = new Map<string, Set<(runId: string) => Teller>>();

  /** Told by the worker. Who does not listen by then asks Temporal. */
  give(workflowId: string, runId: string, answer: Answer): void {
    for (const tellerOf of this.listeners.get(workflowId) ?? []) tellerOf(runId).give(answer);
  }

  /** Told by the worker when an activity of the run has failed. */
  warn(workflowId: string, runId: string): void {
    for (const tellerOf of this.listeners.get(workflowId) ?? []) tellerOf(runId).warn();
  }

  /** To be called before the run is started, as its answer may be there before its id is. */
  listen(workflowId: string): Listener {
    const tellers = new Map<string, Teller>();
    const tellerOf = (runId: string) => {
      const teller = tellers.get(runId) ?? createTeller();
      tellers.set(runId, teller);
      return teller;
    };
    const all = this.listeners.get(workflowId) ?? new Set();
    this.listeners.set(workflowId, all.add(tellerOf));
    return {
      newsOf: tellerOf,
      stop: () => {
        all.delete(tellerOf);
        if (all.size === 0) this.listeners.delete(workflowId);
      },
    };
  }
}

function createTeller(): Teller {
  let give: Teller['give'] = () => undefined;
  let warn: Teller['warn'] = () => undefined;
  const answer = new Promise<Answer>((resolve) => (give = resolve));
  const trouble = new Promise<null>((resolve) => (warn = () => resolve(null)));
  return { answer, trouble, give, warn };
}
