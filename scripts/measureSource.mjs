import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

// `npm run measures`: how large the source is, and what one full sync passes. Exit code 1 when the list of the latter in
// the technical description names something that does not exist.
const LARGEST = 5;
const SMALL = 15;
const DESCRIPTION = 'docs/technical-description.md';
const HEADING = 'What one full sync passes';

const read = (file) => readFileSync(file, 'utf8');
const files = readdirSync('src', { recursive: true })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => path.join('src', name))
  .sort();
const texts = new Map(files.map((file) => [file, read(file)]));
const linesOf = (file) => texts.get(file).split('\n').length - 1;
const sum = (names) => names.reduce((total, file) => total + linesOf(file), 0);

console.log(`src: ${sum(files)} lines in ${files.length} files`);
for (const folder of new Set(files.map((file) => file.split(path.sep).slice(0, 2).join('/')))) {
  const own = files.filter((file) => file.startsWith(`${folder}/`));
  console.log(`  ${folder}: ${sum(own)} lines in ${own.length} files`);
}

console.log('largest files:');
for (const file of files.toSorted((a, b) => linesOf(b) - linesOf(a)).slice(0, LARGEST)) {
  console.log(`  ${file}: ${linesOf(file)} lines`);
}

const small = files.filter((file) => linesOf(file) < SMALL && importersOf(file).length === 1);
console.log(`files under ${SMALL} lines with a single importer: ${small.length}`);
for (const file of small) console.log(`  ${file}: ${importersOf(file)[0]}`);

const passed = passedByOneSync();
if (passed === null) {
  console.log(`one full sync passes: not listed (${DESCRIPTION} has no section "${HEADING}")`);
} else {
  console.log(`one full sync passes: ${passed.files.length} files, ${passed.shapes.length} data shapes`);
  const missing = [
    ...passed.files.filter((file) => !texts.has(file)),
    ...passed.shapes.filter((shape) => !declares(shape)),
  ];
  for (const name of missing) console.error(`  ${name} is listed but does not exist`);
  process.exitCode = missing.length > 0 ? 1 : 0;
}

/** The files that import a file. */
function importersOf(file) {
  return files.filter((other) =>
    [...texts.get(other).matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)].some(([, target]) => {
      const module = path.join(path.dirname(other), target.replace(/\.js$/, ''));
      return [`${module}.ts`, `${module}.tsx`, path.join(module, 'index.ts')].includes(file);
    }),
  );
}

/** What the section names in code marks: files as `src/….ts`, data shapes as the names of types. Null: there is none. */
function passedByOneSync() {
  const [, section] = read(DESCRIPTION).split(`## ${HEADING}\n`);
  if (section === undefined) return null;
  const names = [...section.split('\n## ')[0].matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  const matching = (pattern) => [...new Set(names.filter((name) => pattern.test(name)))];
  return { files: matching(/^src\/\S+\.tsx?$/), shapes: matching(/^[A-Z]\w+$/) };
}

function declares(shape) {
  const declaration = new RegExp(`\\b(?:interface|type|class) ${shape}\\b`);
  return [...texts.values()].some((text) => declaration.test(text));
}
