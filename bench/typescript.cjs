// Runs the bench's TypeScript as it is (`node -r ./bench/typescript.cjs …`), so that it needs no build of its own.
const { transformSync } = require('@swc/core');
const { addHook } = require('pirates');

const options = {
  jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
  module: { type: 'commonjs' },
  sourceMaps: 'inline',
};
addHook((code, filename) => transformSync(code, { ...options, filename }).code, { exts: ['.ts'] });
