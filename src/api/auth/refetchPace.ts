const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 4_000;

/**
 * How often the key set may be fetched again for an unknown `kid` (contract 1.2): at most once a second, with a wait
 * that doubles up to 4 s while such refetches bring no new key. So whoever makes up tokens costs the portal little,
 * and delays the notice of a rotation by 4 s at most.
 */
export class RefetchPace {
  private last: { endedAt: number; waitMs: number } | null = null;
  private nextWaitMs = SHORTEST_WAIT_MS;

  /** @param now milliseconds since the epoch */
  constructor(private readonly now: () => number) {}

  isDue(): boolean {
    if (this.last === null) return true;
    const age = this.now() - this.last.endedAt;
    // A time in the future, after the clock was set back, must not keep a new key out.
    return age < 0 || age >= this.last.waitMs;
  }

  /** A refetch has ended, well or badly. */
  ended(broughtNewKey: boolean): void {
    if (broughtNewKey) this.nextWaitMs = SHORTEST_WAIT_MS;
    this.last = { endedAt: this.now(), waitMs: this.nextWaitMs };
    if (!broughtNewKey) this.nextWaitMs = Math.min(this.nextWaitMs * 2, LONGEST_WAIT_MS);
  }
}
