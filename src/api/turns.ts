import type { Deadline } from './deadline';

/** Lets requests of one namespace go one after the other, in order of arrival; namespaces do not wait for each other. */
export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

  /** Requests that wait or work now. */
  get waiting(): number {
    return this.count;
  }
  private count = 0;

  /**
   * Runs `work` when all earlier work of the namespace has ended.
   * @throws DeadlineOver when the turn does not come in time; the work is then never begun
   */
  async take<T>(namespaceId: string, deadline: Deadline, work: () => Promise<T>): Promise<T> {
    const before = this.last.get(namespaceId) ?? Promise.resolve();
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const mine = before.then(() => ended);
    this.last.set(namespaceId, mine);
    this.count += 1;
    try {
      await deadline.bound(before);
      return await work();
    } finally {
      end();
      this.count -= 1;
      if (this.last.get(namespaceId) === mine) this.last.delete(namespaceId);
    }
  }
}
