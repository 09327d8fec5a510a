import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, defaultDataDir, loadConfig } from '../../../src/config/config';
import { BLOCKED_PORTS } from '../../../src/config/fields';

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

  test('a webhook is signed: its address wants a secret, whsec_ and base64', () => {
    const OUTBOX_WEBHOOK_URL = 'https://example.com/hooks';
    expect(() => loadConfig({ OUTBOX_WEBHOOK_URL })).toThrow(
      'OUTBOX_WEBHOOK_SECRET must be set with OUTBOX_WEBHOOK_URL: it signs what is posted',
    );
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    expect(loadConfig({ OUTBOX_WEBHOOK_URL, OUTBOX_WEBHOOK_SECRET: secret })).toMatchObject({
      webhook: { url: OUTBOX_WEBHOOK_URL, secret },
      ...{ sidekiqRedisUrl: null, outboxMaxAttempts: 25, outboxRetryBaseMs: 1_000 },
    });
  });

  test.each([
    ['OUTBOX_WEBHOOK_SECRET', 'secret'],
    ['OUTBOX_WEBHOOK_SECRET', 'whsec_'],
    ['OUTBOX_WEBHOOK_SECRET', 'whsec_se*ret=='],
    ['OUTBOX_SIDEKIQ_REDIS_URL', 'secret.example:6379'],
    ['OUTBOX_MAX_ATTEMPTS', '0'],
    ['OUTBOX_RETRY_BASE_MS', 'secret'],
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
    ['LOG_FORMAT', 'xml'],
    ['PORT', '6000'],
    ['CUSTOMERS_DOT_PORT', '10080'],
    ['WORKER_PORT', '22'],
    ['PROVISION_API_URL', 'http://user:secret@gitlab.example'],
    ['PROVISION_API_URL', 'http://secret@gitlab.example'],
    ['SUBSCRIPTION_PORTAL_URL', 'https://user:secret@portal.example'],
    ['SUBSCRIPTION_PORTAL_URL', 'http://portal.example:6000'],
    ['TEMPORAL_UI_URL', 'http://:secret@ui.example'],
    ['TEMPORAL_UI_URL', 'http://ui.example:10080'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://user:secret@collector.example'],
    ['TEMPORAL_ADDRESS', 'http://user:secret@temporal.example:7233'],
    ['TEMPORAL_ADDRESS', 'user:secret@temporal.example:7233'],
    ['AUDIT_USER', 'secret'],
    ['AUDIT_USER', 'with:secret'],
    ['AUDIT_PASSWORD', 'secret'],
  ])('refuses %s=%s, naming the variable and never showing the value', (name, value) => {
    const load = () => loadConfig({ [name]: value });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(name);
    expect(load).not.toThrow(/secret/);
  });

  test.each(['temporal.example', 'temporal.example:7233', '10.0.0.1:7233', '[::1]:7233'])(
    'takes the Temporal address %s',
    (address) => {
      expect(loadConfig({ TEMPORAL_ADDRESS: address }).temporal?.connectionOptions.address).toBe(address);
    },
  );

  test('refuses the address of a profile like that of the variable', async () => {
    const file = path.join(await mkdtemp(path.join(tmpdir(), 'config-')), 'temporal.toml');
    await writeFile(file, '[profile.default]\naddress = "http://user:secret@temporal.example"\n');
    const load = () => loadConfig({ TEMPORAL_CONFIG_FILE: file });
    expect(load).toThrow('the address must be host:port');
    expect(load).not.toThrow(/secret/);
    await rm(path.dirname(file), { recursive: true });
  });

  test('the ports that are refused are those that fetch refuses', async () => {
    // Whatever fetch does not refuse would go out here.
    const dispatcher = {
      dispatch: () => {
        throw new Error('allowed');
      },
    };
    const isRefused = async (port: number) =>
      fetch(`http://127.0.0.1:${port}`, { dispatcher } as unknown as RequestInit).then(
        () => false,
        ({ cause }: Error) => (cause as Error).message === 'bad port',
      );
    const ports = Array.from({ length: 65_535 }, (_, index) => index + 1);
    const refused = await Promise.all(ports.map(isRefused));
    expect(ports.filter((_, index) => refused[index])).toEqual(BLOCKED_PORTS);
  });

  test('gives PGSSLMODE to the databases that are configured, unless their URLs say otherwise', () => {
    const { gitlabDatabaseUrl, customersDotDatabaseUrl } = loadConfig({
      PGSSLMODE: 'verify-full',
      GITLAB_DATABASE_URL: 'postgres://u:p%40ss@db.example/gitlab?application_name=x',
      CUSTOMERS_DOT_DATABASE_URL: 'postgres://u@db.example/cdot?sslmode=disable',
    });
    expect(gitlabDatabaseUrl).toBe(
      'postgres://u:p%40ss@db.example/gitlab?application_name=x&sslmode=verify-full',
    );
    expect(customersDotDatabaseUrl).toBe('postgres://u@db.example/cdot?sslmode=disable');
  });

  test('keeps data in .data: the project’s anywhere below its folder, else that of the folder', () => {
    const project = path.join(__dirname, '../../..');
    expect(defaultDataDir(path.join(project, 'src/cli'))).toBe(path.join(project, '.data'));
    expect(defaultDataDir(project)).toBe(path.join(project, '.data'));
    expect(defaultDataDir('/srv')).toBe('/srv/.data');
    expect(defaultDataDir(`${project}-2`)).toBe(`${project}-2/.data`);
  });

  test('names every variable that is wrong', () => {
    const load = () => loadConfig({ PORT: 'x', LOG_LEVEL: 'x' });
    expect(load).toThrow(/PORT .*; LOG_LEVEL /);
  });
});
