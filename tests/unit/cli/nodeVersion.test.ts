import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { endOfLifeNotice, isSupported } from '../../../src/cli/nodeVersion';

test.each([
  ['12.22.12', false],
  ['18.20.8', false],
  ['20.18.3', false],
  ['20.19.0', true],
  ['21.7.3', false],
  ['22.11.0', false],
  ['22.12.0', true],
  ['24.0.0', true],
  ['26.1.0', true],
])('Node %s: supported %s', (version, isIt) => expect(isSupported(version)).toBe(isIt));

test('what is past its end of life is said', () => {
  expect(endOfLifeNotice('20.19.0')).toContain('use Node 24');
  expect([endOfLifeNotice('22.12.0'), endOfLifeNotice('24.0.0')]).toEqual([null, null]);
});

test('what an old Node loads before the check has no syntax that it does not know', () => {
  for (const name of ['main.js', 'nodeVersion.js']) {
    const text = readFileSync(path.join(__dirname, '../../../dist/cli', name), 'utf8');
    expect([name, text]).toEqual([name, expect.not.stringMatching(/\?\?|\?\.\w/)]);
  }
  const main = readFileSync(path.join(__dirname, '../../../dist/cli/main.js'), 'utf8');
  expect(/require\("(.*?)"\)/.exec(main)?.[1]).toBe('./nodeVersion');
});
