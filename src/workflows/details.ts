import type { ColumnValues } from '../domain/plan';
import type { Change, Outcome, UndoResult } from '../domain/sync';

/**
 * What a run has done so far, for the people who look at it: Markdown that the UI shows as the run's current details.
 * It costs the run no event: the worker tells it when somebody asks.
 */
export class Details {
  private readonly lines: string[] = [];

  /** The rows that a step changed: each column's value before and after, of a new row those that are set. */
  changed(changes: Change[]): void {
    for (const { table, key, before, after } of changes) {
      const columns = Object.entries(after ?? {}).filter(([column]) => !TIMESTAMPS.includes(column));
      const text = before
        ? columns.map(
            ([column, value]) => `${escaped(column)} ${shown(before[column])} → **${shown(value)}**`,
          )
        : columns.flatMap(([column, value]) =>
            value === null ? [] : [`${escaped(column)} ${shown(value)}`],
          );
      this.lines.push(`**${escaped(table)} ${key}**${before ? '' : ' (new)'}: ${text.join(', ')}`);
    }
  }

  /** The rows that a compensation put back, and those that it had to leave. */
  undone({ restored, kept }: UndoResult): void {
    for (const { table, key } of restored) this.lines.push(`**${escaped(table)} ${key}**: put back`);
    for (const { table, key } of kept)
      this.lines.push(`**${escaped(table)} ${key}**: left, as it was changed since`);
  }

  /** @param outcome null while there is none */
  text(outcome: Outcome | null): string {
    const message = outcome?.message ? `: ${escaped(outcome.message)}` : '';
    const rows = this.lines.length > 0 ? this.lines.slice(0, MAX_LINES) : ['No row was changed.'];
    const more = this.lines.length > MAX_LINES ? [`… and ${this.lines.length - MAX_LINES} more rows`] : [];
    return [
      `**${outcome?.status ?? 'running'}**${message}`,
      '',
      ...[...rows, ...more].map((row) => `- ${row}`),
    ].join('\n');
  }
}

// A request may name hundreds of add-ons; whoever wants them all opens the steps.
const MAX_LINES = 50;

// They change with each write and say nothing that the run's own times do not.
const TIMESTAMPS = ['created_at', 'updated_at'];

const shown = (value: ColumnValues[string] | undefined) =>
  value === null || value === undefined ? 'none' : escaped(String(value));

/** What was sent must stay text: neither a link nor an image, nor the end of its line. */
const escaped = (text: string) =>
  text
    .replace(/\s+/g, ' ')
    .slice(0, 300)
    .replace(/[\\`*_{}[\]<>()#!|~&]/g, '\\$&');
