import { describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig } from '../../../src/config/config';

describe('the configuration', () => {
  test('has a default for everything, on this machine only', () => {
    expect(loadConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      gitlabDatabaseUrl: null,
      temporal: null,
      failurePolicy: 'compensate',
      waitMs: 10_000,
      logLevel: 'info',
    });
  });

  test('takes an empty variable for an unset one', () => {
    expect(loadConfig({ PORT: '', GITLAB_DATABASE_URL: '' })).toEqual(loadConfig({}));
  });

  test('reads the Temporal connection as its own tools do', () => {
    const { temporal } = loadConfig({
      TEMPORAL_ADDRESS: 'temporal.example:7233',
      TEMPORAL_NAMESPACE: 'sales',
      TEMPORAL_API_KEY: 'key',
    });
    expect(temporal).toMatchObject({
      namespace: 'sales',
      connectionOptions: { address: 'temporal.example:7233', apiKey: 'key' },
    });
  });

  test.each([
    ['PORT', 'eighty'],
    ['PORT', '70000'],
    ['ADMIN_PORT', 'secret'],
    ['ADMIN_PORT', '3000'],
    ['CUSTOMERS_DOT_PORT', '1e3'],
    ['GITLAB_DATABASE_URL', 'mysql://u:secret@h/db'],
    ['CUSTOMERS_DOT_DATABASE_URL', 'secret nonsense'],
    ['TEMPORAL_UI_URL', 'ui.secret'],
    ['SUBSCRIPTION_PORTAL_URL', 'ftp://secret'],
    ['PROVISION_FAILURE_POLICY', 'both'],
    ['PROVISION_WAIT_MS', '-1'],
    ['PROVISION_API_URL', 'secret'],
    ['LOG_LEVEL', 'loud'],
    ['AUDIT_USER', 'secret'],
    ['AUDIT_USER', 'with:secret'],
    ['AUDIT_PASSWORD', 'secret'],
  ])('refuses %s=%s, naming the variable and never showing the value', (name, value) => {
    const load = () => loadConfig({ [name]: value });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(name);
    expect(load).not.toThrow(/secret/);
  });

  test('names every variable that is wrong', () => {
    const load = () => loadConfig({ PORT: 'x', LOG_LEVEL: 'x' });
    expect(load).toThrow(/PORT .*; LOG_LEVEL /);
  });
});
