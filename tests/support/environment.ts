import type { GitlabVersion } from '../../src/local/gitlabDatabase';

/** One service under test. */
export interface TestService {
  apiUrl: string;
  databaseUrl: string;
  /** Holds the keys of its issuer. */
  dataDir: string;
  temporalNamespace: string;
}

/** What the global set-up made. */
export interface TestEnvironment {
  /** The state of GitLab's schema that its databases have. */
  schema: GitlabVersion;
  /** A database with GitLab's tables, to make others from. */
  template: string;
  compensate: TestService;
  independent: TestService;
  temporalAddress: string;
  /** PostgreSQL's administrative database. */
  adminUrl: string;
  /** Path of the `temporal` CLI. */
  temporalCli: string;
  /** For files of tests; removed at the end. */
  directory: string;
}

/** Who may read the audit pages of the service `compensate`. */
export const AUDITOR = { user: 'auditor', password: 'pä:ss "wörd' };

/** The variable of the environment that hands over what the global set-up made, for one state of GitLab's schema. */
export function environmentVariable(schema: GitlabVersion): string {
  return `PROVISIONER_TEST_ENVIRONMENT_${schema}`;
}

/** The state of GitLab's schema that this project of Jest tests (jest.config.cjs). */
export function testedSchema(): GitlabVersion {
  return (globalThis as { GITLAB_SCHEMA?: GitlabVersion }).GITLAB_SCHEMA ?? '19.5';
}

/** What the global set-up made, for a test file. */
export function testEnvironment(): TestEnvironment {
  return JSON.parse(process.env[environmentVariable(testedSchema())] ?? '') as TestEnvironment;
}
