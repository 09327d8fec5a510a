/**
 * Which folders of src a folder may import, besides itself. Imports go one way: down this list. CONTRIBUTING.md has the
 * same list; a test holds them equal.
 */
const MAY_IMPORT = {
  cli: [
    'api',
    'cdot',
    'relay',
    'worker',
    'workflows',
    'activities',
    'tracing',
    'local',
    'issuer',
    'config',
    'metrics',
    'wire',
    'db',
    'domain',
  ],
  api: ['worker', 'workflows', 'metrics', 'wire', 'db', 'domain'],
  cdot: ['issuer', 'metrics', 'wire', 'db', 'domain'],
  relay: ['metrics', 'db', 'domain'],
  worker: ['workflows', 'activities', 'db', 'domain'],
  workflows: ['activities', 'domain'],
  activities: ['metrics', 'db', 'domain'],
  tracing: [],
  local: ['domain'],
  issuer: [],
  config: ['domain'],
  metrics: ['domain'],
  wire: ['domain'],
  db: ['domain'],
  domain: [],
};

const order = Object.keys(MAY_IMPORT);
for (const [folder, others] of Object.entries(MAY_IMPORT)) {
  const up = others.filter((other) => order.indexOf(other) <= order.indexOf(folder));
  if (up.length > 0) throw new Error(`${folder} stands below ${up.join(', ')}: it cannot import from there`);
}

const ways = Object.entries(MAY_IMPORT).map(([folder, others]) => ({
  name: `imports-of-${folder}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: {
    path: '^src/',
    pathNot: `^src/(${[folder, ...others].join('|')})/`,
  },
}));

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...ways,
    {
      name: 'domain-has-no-io',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { path: 'node_modules', pathNot: 'node_modules/zod' },
    },
    {
      name: 'workflows-import-types-of-activities-only',
      severity: 'error',
      from: { path: '^src/workflows/' },
      to: { path: '^src/activities/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'opentelemetry-is-loaded-by-tracing-only',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/tracing/' },
      to: { path: 'opentelemetry' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.tsx', '.js'] },
  },
};
