import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { MAIN, newDirectory, provisioner, startShell, terminalOf } from './support';

const { independent, temporalAddress } = testEnvironment();
const ARGS = ['--only', 'api,worker'];

let service: ServiceProcess | undefined;
afterEach(() => service?.stop());

async function environment(): Promise<Record<string, string>> {
  return {
    DATA_DIR: await newDirectory('logs'),
    GITLAB_DATABASE_URL: independent.databaseUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: independent.temporalNamespace,
  };
}

describe('logs', () => {
  test('are one JSON object a line, with a request’s ids and neither its token nor its body', async () => {
    const env = await environment();
    service = await startServiceProcess(env, ARGS);
    const { out: token } = await provisioner(['token'], env);
    await fetch(`${service.apiUrl}/api/v4/internal/gitlab_subscriptions/namespaces/demo-group/provision`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-customers-dot-internal-token': token.trim(),
        'x-request-id': 'request-42',
      },
      body: '{"provision":{"base_product":{"seats":987123}}}',
    });
    await service.stop();
    const lines = service.log().trim().split('\n');
    const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(entries).toContainEqual(
      expect.objectContaining({
        severity: 'INFO',
        correlation_id: 'request-42',
        method: 'POST',
        status: 200,
        duration_s: expect.any(Number),
        namespace_id: '1000',
        workflow_id: 'provision:1000',
        run_id: expect.any(String),
      }),
    );
    expect(service.log()).not.toContain(token.trim().split('.')[2]);
    expect(service.log()).not.toContain('987123');
  });

  test('are for people with LOG_FORMAT=pretty: time, level and message first', async () => {
    service = await startServiceProcess({ ...(await environment()), LOG_FORMAT: 'pretty' }, ARGS);
    await fetch(`${service.apiUrl}/nowhere`);
    await eventually(async () => service?.log().includes('/nowhere'), 'the request is logged');
    const [starting, started, request, ...others] = service.log().trimEnd().split('\n');
    expect(starting).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: starting \{"parts":\["api","worker"\]\}$/);
    expect(started).toMatch(/^\[[\d:.]+\] INFO: started \{.*"api":"http:/);
    expect(request).toMatch(/^\[[\d:.]+\] INFO: request \{.*"path":"\/nowhere","status":404,/);
    expect(others).toEqual([]);
  });

  test('are for people at a terminal, and for programs there with LOG_FORMAT=json', async () => {
    for (const [LOG_FORMAT, first] of [
      ['', /\] .*INFO.*: .*starting/],
      ['json', /^\{"severity":"INFO",.*"message":"starting"\}\r?$/m],
    ] as const) {
      const command = `${process.execPath} ${MAIN} start ${ARGS.join(' ')}`;
      const env = { PATH: process.env['PATH'] ?? '', PORT: '0', ...(await environment()), LOG_FORMAT };
      const terminal = startShell(terminalOf(command), env);
      let shown = '';
      terminal.stdout.on('data', (data: Buffer) => (shown += data.toString()));
      await eventually(async () => shown.includes('Ctrl-C stops it'), 'it is up');
      terminal.stdin.write('\u0003');
      await once(terminal, 'exit');
      expect(shown).toMatch(first);
    }
  });
});
