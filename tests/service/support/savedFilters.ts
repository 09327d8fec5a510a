import { readFileSync } from 'node:fs';
import path from 'node:path';

const DOCUMENT = path.join(__dirname, '../../../docs/temporal-ui.md');

/** The saved filters of docs/temporal-ui.md: what each is for, and its link. */
export function savedFilters(): [string, string][] {
  const links = readFileSync(DOCUMENT, 'utf8').matchAll(/^\| \[(.*?)\]\((http.*?)\)/gm);
  return [...links].map(([, name = '', link = '']) => [name, link]);
}
