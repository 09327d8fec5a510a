import { expect, test } from '@jest/globals';
import { banner } from '../../../src/cli/banner';

const SERVICE = {
  apiUrl: 'http://127.0.0.1:3000',
  adminUrl: null,
  customersDotUrl: null,
  workerUrl: null,
  relayUrl: null,
  uiUrl: null,
  auditReader: { user: 'audit', password: 'made-once', file: '/data/audit/password' },
  hasDemo: true,
  stop: () => Promise.resolve(),
};

test('a password that was made here is shown on a terminal only', () => {
  expect(banner(SERVICE, '/data', true)).toContain('user audit, password made-once');
  const logged = banner(SERVICE, '/data', false);
  expect(logged).toContain('password in /data/audit/password');
  expect(logged).not.toContain('made-once');
});

test('a password that is configured is never shown', () => {
  const auditReader = { user: 'me', password: 'configured', file: null };
  const text = banner({ ...SERVICE, auditReader }, '/data', true);
  expect(text).toContain('http://127.0.0.1:3000/namespaces');
  expect(text).not.toContain('configured');
});

test('the audit pages are shown where they are served', () => {
  const text = banner({ ...SERVICE, adminUrl: 'http://127.0.0.1:3003' }, '/data', true);
  expect(text).toContain('Admin        http://127.0.0.1:3003');
  expect(text).toContain('http://127.0.0.1:3003/namespaces/demo-group');
});
