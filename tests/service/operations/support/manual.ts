import { readFileSync } from 'node:fs';
import path from 'node:path';

const DOCUMENT = path.join(__dirname, '../../../../docs/manual-retries.md');

export type Tool = 'temporal' | 'tctl';

/** A row of the table in docs/manual-retries.md: what a person wants, and the command of each tool that can do it. */
export interface ManualOperation {
  task: string;
  commands: Partial<Record<Tool, string>>;
}

/** The operations in the order of the table. */
export function manualOperations(): ManualOperation[] {
  const [, , ...rows] = readDocument()
    .split('\n')
    .filter((line) => line.startsWith('|'));
  return rows.map((row) => {
    const [task = '', temporal = '', tctl = ''] = row
      .split(/(?<!\\)\|/)
      .slice(1)
      .map((cell) => cell.trim().replaceAll('\\|', '|'));
    return { task, commands: { ...command('temporal', temporal), ...command('tctl', tctl) } };
  });
}

/** The commands that the document shows with their output. */
export function shownCommands(): string[] {
  return [...readDocument().matchAll(/^\$ (.*)$/gm)].map(([, shown = '']) => shown);
}

function command(tool: Tool, cell: string): Partial<Record<Tool, string>> {
  const [, text] = /^`(.*)`$/.exec(cell) ?? [];
  return text === undefined ? {} : { [tool]: text };
}

function readDocument(): string {
  return readFileSync(DOCUMENT, 'utf8');
}
