import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { VARIABLES } from '../../../src/config/config';

const read = (file: string) => readFileSync(path.join(__dirname, '../../..', file), 'utf8');

test('docs/configuration.md lists every variable of the schema, and no other', () => {
  const rows = [...read('docs/configuration.md').matchAll(/^\| `([A-Z_]+)`/gm)].map(([, name = '']) => name);
  expect(rows.sort()).toEqual([...VARIABLES].sort());
  expect(VARIABLES).toContain('PROVISION_WAIT_MS');
});

test('provisioner --help names every variable of the schema', () => {
  const help = /ENVIRONMENT_HELP = `([^`]*)`/.exec(read('src/cli/main.ts'))?.[1] ?? '';
  expect(VARIABLES.filter((name) => !new RegExp(`\\b${name}\\b`).test(help))).toEqual([]);
});
