const service = require('../../jest.config.cjs').projects.find(
  ({ displayName }) => displayName === 'service',
);

/** On its own, as it takes minutes: the image is built and run. It shares the servers of the service tests. */
module.exports = {
  ...service,
  displayName: 'image',
  rootDir: '../..',
  testMatch: ['<rootDir>/tests/image/**/*.test.ts'],
};
