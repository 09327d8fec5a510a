/** Imports go one way: cli → api, cdot, relay → workflows, activities → temporal → db → domain (CONTRIBUTING.md). */
const layer = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^src/${from}/` },
  to: { path: '^src/', pathNot: `^src/(${[from, ...allowed].join('|')})/` },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    layer('domain-is-pure', 'domain', []),
    {
      name: 'domain-has-no-io',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { path: 'node_modules', pathNot: 'node_modules/zod' },
    },
    layer('db-knows-domain', 'db', ['domain']),
    layer('temporal-knows-db', 'temporal', ['domain', 'db', 'workflows', 'activities']),
    layer('activities-know-db', 'activities', ['domain', 'db', 'temporal', 'metrics']),
    layer('workflows-know-domain', 'workflows', ['domain', 'activities']),
    {
      name: 'workflows-import-types-of-activities-only',
      severity: 'error',
      from: { path: '^src/workflows/' },
      to: { path: '^src/activities/', dependencyTypesNot: ['type-only'] },
    },
    layer('api-knows-no-activities', 'api', ['domain', 'db', 'temporal', 'workflows', 'metrics']),
    layer('metrics-know-domain', 'metrics', ['domain']),
    layer('tracing-knows-nobody', 'tracing', []),
    {
      name: 'opentelemetry-is-loaded-by-tracing-only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/tracing/' },
      to: { path: 'opentelemetry' },
    },
    layer('issuer-knows-nobody', 'issuer', []),
    layer('local-knows-domain', 'local', ['domain']),
    layer('config-knows-domain', 'config', ['domain']),
    layer('relay-knows-db', 'relay', ['domain', 'db', 'metrics']),
    layer('cdot-talks-http', 'cdot', ['domain', 'db', 'issuer', 'config', 'metrics']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.tsx', '.js'] },
  },
};
