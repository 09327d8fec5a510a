import type { Deadline } from './deadline';

/** Lets requests of one namespace go one after the other, in order of arrival; namespaces do not wait for each other. */
export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

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
    try {
      await deadline.bound(before, 'turn');
      return await work();
    } finally {
      end();
      if (this.last.get(namespaceId) === mine) this.last.delete(namespaceId);
    }
  }
}
