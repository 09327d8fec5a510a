import type { Outcome, StepResult, UndoResult } from '../domain/sync';

/**
 * What a run has done so far, for the people who look at it: Markdown that the UI shows as the run's current details.
 * It costs the run no event: the worker tells it when somebody asks.
 */
export class Details {
  private readonly lines: string[] = [];

  /** The rows that a step changed, with each column's value before and after. */
  changed({ changes }: Pick<StepResult, 'changes'>): void {
    for (const { table, key, before, after } of changes) {
      for (const [column, value] of Object.entries(after ?? {})) {
        if (before?.[column] === value) continue;
        const was = before === null ? 'new row' : code(before[column]);
        this.add(`| \`${table}\` ${key} | \`${column}\` | ${was} | ${code(value)} |`);
      }
    }
  }

  /** The rows that a compensation put back, and those that it had to leave. */
  undone({ restored, kept }: UndoResult): void {
    for (const { table, key } of restored) this.add(`| \`${table}\` ${key} | | | put back |`);
    for (const { table, key } of kept) this.add(`| \`${table}\` ${key} | | | **left**: changed since |`);
  }

  /** @param outcome null while there is none */
  text(outcome: Outcome | null): string {
    const head = outcome
      ? `**${outcome.status}**${outcome.message ? `: ${escaped(outcome.message)}` : ''}`
      : 'running';
    if (this.lines.length === 0) return `${head}\n\nNo row was changed.`;
    return [head, '', '| Row | Column | Before | After |', '| --- | --- | --- | --- |', ...this.lines].join(
      '\n',
    );
  }

  // A request may name hundreds of add-ons; whoever wants them all opens the steps.
  private add(line: string): void {
    if (this.lines.length < MAX_LINES) this.lines.push(line);
    else this.lines[MAX_LINES] = '| … | | | |';
  }
}

const MAX_LINES = 100;

const code = (value: unknown) => (value === null || value === undefined ? '–' : escaped(String(value)));

/** A value must not end its cell, nor become a link or an image. */
const escaped = (text: string) =>
  text
    .replace(/[\\`*_{}[\]<>()#+!|~]/g, '\\$&')
    .replace(/\s+/g, ' ')
    .slice(0, 200);
