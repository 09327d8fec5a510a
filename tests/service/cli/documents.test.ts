import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testEnvironment } from '../../support/environment';
import { findRuntime } from '../../../src/cli/runtimeFile';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { newDirectory, run } from './support';

const ROOT = path.join(__dirname, '../../..');

/** Documents whose commands are run on one start, in this order: as after them, the demo group is not what it was before. */
const READINGS = [
  ['README.md'],
  [
    'docs/walk-through.md',
    'docs/technical-description.md',
    'docs/errors.md',
    'docs/gitlab-schema.md',
    'docs/runbook.md',
    'docs/faq.md',
  ],
];

describe.each(READINGS)('on a start of its own: %s', (...documents) => {
  const name = path.basename(documents[0] ?? '', '.md');
  // `npx provisioner` finds the project below its folder.
  const folder = path.join(ROOT, '.data', `test-documents-${name}`);
  const { temporalCli } = testEnvironment();
  let service: ServiceProcess;
  let env: Record<string, string>;
  let addresses: Record<string, string>;
  beforeAll(async () => {
    const DATA_DIR = await newDirectory(`documents-${name}`);
    service = await startServiceProcess({ DATA_DIR, TEMPORAL_CLI_PATH: temporalCli });
    const { temporalAddress, temporalUiUrl } = await findRuntime(DATA_DIR);
    addresses = { 'http://127.0.0.1:3000': service.apiUrl, 'http://127.0.0.1:8233': temporalUiUrl ?? '' };
    await rm(folder, { recursive: true, force: true });
    await mkdir(path.join(folder, 'bin'), { recursive: true });
    const temporal = `#!/bin/sh\nexec '${temporalCli}' "$@" --address ${temporalAddress}\n`;
    await writeFile(path.join(folder, 'bin/temporal'), temporal, { mode: 0o755 });
    env = { DATA_DIR, PATH: `${folder}/bin:${process.env['PATH']}`, API: service.apiUrl };
  }, 120_000);
  afterAll(async () => {
    await service?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(documents)(
    'the commands of %s that are marked as runnable do what it shows',
    async (document) => {
      const here = (text: string) =>
        Object.entries(addresses).reduce((all, [shown, real]) => all.replaceAll(shown, real), text);
      const { files, examples } = read(document);
      expect(examples).not.toEqual([]);
      for (const [file, text] of Object.entries(files)) await writeFile(path.join(folder, file), text);
      for (const { command, shown } of examples) {
        const script = `cd '${folder}'; set -o pipefail; { ${here(command)}\n} 2>&1`;
        const { code, out } = await run('bash', ['-c', script], env);
        expect(`$ ${command}\n${out}`).toMatch(likeShown(here(shown)));
        if (shown === '') expect([command, code, out]).toEqual([command, 0, out]);
      }
    },
    120_000,
  );
});

interface Example {
  command: string;
  /** Of its output. Empty: it is shown without any, and succeeds. */
  shown: string;
}

/** The files (```json NAME) and the examples (```console runnable) of a document. */
function read(document: string): { files: Record<string, string>; examples: Example[] } {
  const text = readFileSync(path.join(ROOT, document), 'utf8');
  const fences = [...text.matchAll(/^```(.*)\n([^]*?)^```$/gm)];
  const files = fences.flatMap(([, info = '', body = '']) =>
    info.startsWith('json ') ? [[info.slice('json '.length), body]] : [],
  );
  const examples = fences.flatMap(([, info, body = '']) =>
    info === 'console runnable' ? examplesIn(body) : [],
  );
  return { files: Object.fromEntries(files) as Record<string, string>, examples };
}

function examplesIn(block: string): Example[] {
  const examples: Example[] = [];
  let isWhole = true;
  for (const line of block.trimEnd().split('\n')) {
    const last = examples.at(-1);
    if (line.startsWith('$ ')) examples.push({ command: line.slice(2), shown: '' });
    else if (last && !isWhole) last.command += `\n${line}`;
    else if (last) last.shown += `${line}\n`;
    const { command = '' } = examples.at(-1) ?? {};
    isWhole = !command.endsWith('\\') && command.split("'").length % 2 === 1;
  }
  return examples;
}

/** What is another thing each time: left out (…), moments, durations, ids of runs. */
const VOLATILE =
  /(…|\.\.\.|\d{4}-\d\d-\d\d[T ][\d:.]+|\d+\.\d\d s\b|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+ \w+ ago| +)/;

/** Lines like those that are shown, in their order; others may come in between. */
function likeShown(shown: string): RegExp {
  const lines = shown
    .trimEnd()
    .split('\n')
    .map((line) => {
      const parts = line.split(VOLATILE);
      return parts.map((part, index) => (index % 2 === 0 ? escape(part) : generic(part))).join('');
    });
  return new RegExp(lines.join('[^]*\\n'));
}

function generic(part: string): string {
  if (part.trim() === '') return ' +';
  if (part.endsWith(' ago')) return '(now|.* ago)';
  return /^[….]/.test(part) ? '.*' : escape(part).replace(/[0-9a-f]+/g, '[0-9a-f]+');
}

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
