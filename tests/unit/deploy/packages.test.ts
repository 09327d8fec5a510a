import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';

const read = (file: string) =>
  JSON.parse(readFileSync(path.join(__dirname, '../../..', file), 'utf8')) as unknown;

const { packages } = read('package-lock.json') as {
  packages: Record<string, { hasInstallScript?: true; deprecated?: string }>;
};
const installed = Object.entries(packages)
  .filter(([folder]) => folder !== '')
  .map(([folder, facts]) => ({ name: folder.replace(/^.*node_modules\//, ''), ...facts }));

test('npm ci has nothing to warn of: install scripts are declared, nothing is deprecated', () => {
  const { allowScripts } = read('package.json') as { allowScripts: Record<string, boolean> };
  const withScript = installed.filter(({ hasInstallScript }) => hasInstallScript).map(({ name }) => name);
  expect(Object.keys(allowScripts).sort()).toEqual([...new Set(withScript)].sort());
  expect(installed.filter(({ deprecated }) => deprecated !== undefined)).toEqual([]);
});
