/** What a process answers to `GET /-/metrics`, read by name and labels. */
export class Exposition {
  private constructor(private readonly text: string) {}

  /** @param url of the process */
  static async of(url: string): Promise<Exposition> {
    const answer = await fetch(`${url}/-/metrics`);
    if (answer.status !== 200) throw new Error(`/-/metrics answered ${answer.status}`);
    return new Exposition(await answer.text());
  }

  /** The sum of the series that have these labels, among others; null when there is none. */
  value(name: string, labels: Record<string, string | number> = {}): number | null {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const found = this.text.split('\n').filter((line) => {
      const [, own, list = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
      return own === name && wanted.every((pair) => `,${list},`.includes(`,${pair},`));
    });
    return found.length === 0 ? null : found.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }
}
