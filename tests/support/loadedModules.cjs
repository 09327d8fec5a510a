// `node --require`: at the end of the process, writes which modules it has loaded to the file LOADED_MODULES.
process.on('exit', () => {
  require('node:fs').writeFileSync(process.env.LOADED_MODULES, JSON.stringify(Object.keys(require.cache)));
});
