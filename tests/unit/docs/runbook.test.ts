import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';

const ROOT = path.join(__dirname, '../../..');

test('docs/runbook.md lists every message that is logged as a warning or worse, and no other', () => {
  const runbook = readFileSync(path.join(ROOT, 'docs/runbook.md'), 'utf8');
  const table = runbook.slice(runbook.indexOf('## Messages of the log'));
  const documented = [...table.matchAll(/^\| `([^`]+)` /gm)].map(([, message]) => message);
  expect(documented.sort()).toEqual([...loggedMessages()].sort());
});

function loggedMessages(): Set<string> {
  const messages = new Set<string>();
  for (const file of readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(path.join(ROOT, 'src', file), 'utf8');
    const calls = [...text.matchAll(/\blog\.(warn|error|fatal)\(/g)];
    const read = [
      ...text.matchAll(/\blog\.(?:warn|error|fatal)\(\s*(?:\w+|\{[^;]*?\}),\s*'([^']+)',?\s*\)/g),
    ];
    // Nothing is written in a way that would escape this test.
    expect({ file, calls: read.length }).toEqual({ file, calls: calls.length });
    for (const [, message = ''] of read) messages.add(message);
  }
  return messages;
}
