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

export const ENVIRONMENT_VARIABLE = 'PROVISIONER_TEST_ENVIRONMENT';

/** What the global set-up made, for a test file. */
export function testEnvironment(): TestEnvironment {
  return JSON.parse(process.env[ENVIRONMENT_VARIABLE] ?? '') as TestEnvironment;
}
