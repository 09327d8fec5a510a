import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { EVENTS } from '../../../src/relay/events';

const ROOT = path.join(__dirname, '../../..');
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');

test('the relay knows every event that sections and runs write, and no other', () => {
  const sources = ['src/domain', 'src/activities'].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => read(path.join(folder, name))),
  );
  const written = sources.flatMap((text) =>
    [...text.matchAll(/\bevent: '(\w+)'/g)].map(([, event = '']) => event),
  );
  expect([...new Set(written)].sort()).toEqual(Object.keys(EVENTS).sort());
});

test('docs/relay.md lists the class of each event that GitLab has a job for, and its source', () => {
  const rows = [
    ...read('docs/relay.md').matchAll(/^\| `(\w+)` +\| `([\w:]+)` .*`(?:ee\/)?app\/workers\/.*\.rb`/gm),
  ];
  const classes = Object.entries(EVENTS).flatMap(([event, { job }]) => (job ? [[event, job.class]] : []));
  expect(Object.fromEntries(rows.map(([, event, name]) => [event, name]))).toEqual(
    Object.fromEntries(classes),
  );
});
