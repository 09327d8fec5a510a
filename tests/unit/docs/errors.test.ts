import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { TOKEN_REFUSALS } from '../../../src/api/auth/refusal';
import { PROBLEMS } from '../../../src/api/problems';
import { judge } from '../../../src/cdot/verdict';
import { SQLSTATE_CLASSES } from '../../../src/db/sqlState';
import { FAILURE } from '../../../src/domain/answer';

const ROOT = path.join(__dirname, '../../..');
const DOCUMENT = readFileSync(path.join(ROOT, 'docs/errors.md'), 'utf8');

describe('docs/errors.md and the sources list the same', () => {
  test('answers of the API, each with its status', () => {
    const documented = tableOf('Answers of the API').map(([code, statuses = '']) => [
      code,
      statuses.split(', ').sort(),
    ]);
    const catalogue = Object.entries(PROBLEMS).map(([code, { statuses }]) => [
      code,
      statuses.map(String).sort(),
    ]);
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(catalogue));
  });

  test('failures in Temporal', () => {
    expect(codesOf('Failures in Temporal')).toEqual(Object.values(FAILURE).sort());
  });

  test('SQLSTATEs, each with its class', () => {
    expect(Object.fromEntries(tableOf('Errors of PostgreSQL').map((row) => row.slice(0, 2)))).toEqual(
      SQLSTATE_CLASSES,
    );
  });

  test('errors of the network that are transient', () => {
    const [, set = ''] = /NETWORK_CODES = new Set\(\[([^\]]*)\]/.exec(source('src/db/sqlState.ts')) ?? [];
    const documented = /Errors of the network are transient, too:([^.]*)\./.exec(DOCUMENT)?.[1] ?? '';
    expect(matches(documented, /`(\w+)`/g)).toEqual(matches(set, /'(\w+)'/g));
    expect(matches(set, /'(\w+)'/g)).toContain('ECONNREFUSED');
  });

  test('reasons why a token is refused', () => {
    expect(codesOf('Why a token is refused')).toEqual([...TOKEN_REFUSALS].sort());
  });

  test('answers that are final for CustomersDot, and no other is, whatever it holds', () => {
    const bodies = ['success', 'error', 'skipped'].map((status) => ({ status, message: 'x', payload: {} }));
    const isFinal = (status: number) =>
      bodies.some((body) => judge({ ...ANSWER, status, body, kept: body }, 0).retry === 'no');
    const statuses = Array.from({ length: 500 }, (_, index) => 100 + index);
    expect(codesOf('What is final, and why the same request can never succeed')).toEqual(
      statuses.filter(isFinal).map(String),
    );
  });

  test('codes of error classes', () => {
    const documented = [
      ...codesOf('Errors of the start and of commands'),
      ...codesOf('Errors inside the process'),
    ];
    expect(documented.sort()).toEqual(codesOfClasses().sort());
  });
});

const ANSWER = { kind: 'answer', retryAfter: null, workflowId: null, runId: null, runUrl: null } as const;

/** The values of `readonly code` in all classes, and the codes of local servers, which are a type of their own. */
function codesOfClasses(): string[] {
  const ofClasses = files('src').flatMap((file) => {
    const text = source(file);
    const constants = matches(text, /readonly code = '(\w+)'/g);
    const unions = matches(text, /readonly code: ('.*'),/g).flatMap((union) => matches(union, /'(\w+)'/g));
    return [...constants, ...unions];
  });
  const localServers = matches(source('src/local/errors.ts'), /^ {2}\| '(\w+)'/gm);
  expect(localServers).toContain('temporal_start_failed');
  return [...ofClasses, ...localServers];
}

function codesOf(heading: string): string[] {
  return tableOf(heading)
    .map(([code = '']) => code)
    .sort();
}

/** The cells of the table below a heading, without code marks. */
function tableOf(heading: string): string[][] {
  const [, section = ''] = DOCUMENT.split(`## ${heading}\n`);
  const [own = ''] = section.split('\n## ');
  const rows = own.split('\n').filter((line) => line.startsWith('| `'));
  expect({ heading, isEmpty: rows.length === 0 }).toEqual({ heading, isEmpty: false });
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/^`(\w+)`$/, '$1')),
  );
}

function files(directory: string): string[] {
  return readdirSync(path.join(ROOT, directory), { recursive: true })
    .map(String)
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => path.join(directory, name));
}

function source(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, first = '']) => first);
}
