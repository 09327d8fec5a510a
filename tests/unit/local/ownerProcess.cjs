/* Starts a local server from source and stays alive until it is killed: `node ownerProcess.cjs <file> <fn> <json>`. */
const path = require('node:path');
const swc = require('@swc/core');

require.extensions['.ts'] = (module, file) => {
  const jsc = { target: 'es2022', parser: { syntax: 'typescript' } };
  module._compile(
    swc.transformFileSync(file, { jsc, module: { type: 'commonjs' }, swcrc: false }).code,
    file,
  );
};

const [file, name, options] = process.argv.slice(2);
const start = require(path.resolve(__dirname, '../../../src/local', file))[name];
start(JSON.parse(options)).then(
  (server) => console.log(JSON.stringify({ ...server, url: server.url?.('postgres') })),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
