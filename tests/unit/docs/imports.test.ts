import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';

const ROOT = path.join(__dirname, '../../..');

interface Rule {
  name: string;
  to: { pathNot?: string | string[] };
}

test('CONTRIBUTING.md and the check of imports say the same of each folder', () => {
  const text = readFileSync(path.join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const [, section = ''] = text.split('## Which way imports go\n');
  const documented = [...section.matchAll(/^\| `(\w+)` +\| ([^|]*?) *\|/gm)].map(
    ([, folder, others = '']) => [folder, [...others.matchAll(/`([\w/.]+)`/g)].map(([, name]) => name)],
  );
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { forbidden } = require(path.join(ROOT, '.dependency-cruiser.cjs')) as { forbidden: Rule[] };
  const enforced = forbidden
    .filter(({ name }) => name.startsWith('imports-of-'))
    .map(({ to }) => {
      const [folders = '', ...files] = [to.pathNot ?? []].flat();
      const [own, ...others] = (/\((.*)\)/.exec(folders)?.[1] ?? '').split('|');
      return [own, [...others, ...files.map((file) => file.slice('^src/'.length, -'\\.ts$'.length))]];
    });
  expect(documented).toEqual(enforced);
  expect(enforced.length).toBeGreaterThan(10);
});
