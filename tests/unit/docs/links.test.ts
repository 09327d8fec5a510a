import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';

const ROOT = path.join(__dirname, '../../..');
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

test.each(DOCUMENTS)('every relative link in %s leads to a file, and to a heading of it', (document) => {
  const text = withoutCode(read(document));
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  const broken = links.filter((target) => !/^https?:/.test(target) && !resolves(document, target));
  expect(broken).toEqual([]);
});

test('the glossary comes first, and no other document has a table of terms', () => {
  const list = read('README.md').split('## Documents')[1] ?? '';
  expect(/\]\((.*?)\)/.exec(list)?.[1]).toBe('docs/glossary.md');
  const others = DOCUMENTS.filter((document) => document !== 'docs/glossary.md');
  expect(others.filter((document) => /^\| Term\b|^#+ Terms\b/m.test(read(document)))).toEqual([]);
});

function resolves(document: string, target: string): boolean {
  const [file = '', anchor] = target.split('#');
  const resolved = file === '' ? document : path.join(path.dirname(document), file);
  if (!existsSync(path.join(ROOT, resolved))) return false;
  return anchor === undefined || anchorsOf(read(resolved)).includes(anchor);
}

/** The anchors of headings, as GitLab and GitHub make them. */
function anchorsOf(text: string): string[] {
  const headings = [...withoutCode(text).matchAll(/^#{1,6} (.*)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '');
}

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}
