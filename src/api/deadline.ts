import { isCutShort } from '../worker/grpc';

/** What a request waits for: its token to be verified, and so on, until the result of its run. */
export type Stage = 'token' | 'namespace' | 'body' | 'start' | 'turn' | 'result';

// A call ends a little before its deadline now and then: gRPC counts in whole milliseconds, and the server counts, too.
const NEARLY_MS = 100;

/** The time until which a request may take, fixed when it came in (contract 3: the wait covers all of it). */
export class Deadline {
  /** By the monotonic clock: a wait does not change when somebody sets the machine's. */
  private constructor(private readonly endsAt: number) {}

  /** @param ms from now */
  static in(ms: number): Deadline {
    return new Deadline(performance.now() + ms);
  }

  /** Whole milliseconds left, at least 1. */
  get left(): number {
    return Math.max(1, Math.ceil(this.endsAt - performance.now()));
  }

  /** For a gRPC deadline: milliseconds since 1970. */
  get date(): number {
    return Date.now() + this.left;
  }

  /** `ms`, or half of what is left if that is less: nothing that waits for a fixed time may use up the wait. */
  part(ms: number): number {
    return Math.min(ms, Math.ceil(this.left / 2));
  }

  /** Waits for `work`, but not longer than this deadline; the work itself goes on. @throws DeadlineOver */
  async bound<T>(work: Promise<T>, stage: Stage): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new DeadlineOver(stage)), this.left);
    });
    try {
      return await Promise.race([work, over]);
    } catch (error) {
      // A call to Temporal has the same deadline: whichever is faster says the same.
      throw isCutShort(error) && this.left < NEARLY_MS ? new DeadlineOver(stage) : error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The request's wait ran out; what it waited for may still happen. */
export class DeadlineOver extends Error {
  readonly code = 'deadline_over';
  constructor(readonly stage: Stage) {
    super(`the wait ran out: it was for the ${stage}`);
  }
}
