/** The time until which a request may take, fixed when it came in (contract 3: the wait covers all of it). */
export class Deadline {
  private constructor(private readonly endsAt: number) {}

  /** @param ms from now */
  static in(ms: number): Deadline {
    return new Deadline(Date.now() + ms);
  }

  /** Milliseconds left, at least 1. */
  get left(): number {
    return Math.max(1, this.endsAt - Date.now());
  }

  /** For a gRPC deadline. */
  get date(): number {
    return this.endsAt;
  }

  /** Waits for `work`, but not longer than this deadline; the work itself goes on. @throws DeadlineOver */
  async bound<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new DeadlineOver()), this.left);
    });
    try {
      return await Promise.race([work, over]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The request's wait ran out; what it waited for may still happen. */
export class DeadlineOver extends Error {
  readonly code = 'deadline_over';
  constructor() {
    super('the wait of the request ran out');
  }
}
