import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import {
  alertRules,
  alertTests,
  alertTestFiles,
  queries,
  recordedNames,
  selectors,
} from '../../support/deployFiles';
import { findProgram } from '../../support/findProgram';

const ROOT = path.join(__dirname, '../../..');

describe('alerts and dashboard', () => {
  test.each(queries())('$where: its query is PromQL that asks for metrics', ({ expr }) => {
    expect(selectors(expr).length).toBeGreaterThan(0);
  });

  test('what is recorded is asked for', () => {
    const asked = queries().flatMap(({ expr }) => selectors(expr).map(({ name }) => name));
    expect(recordedNames().filter((name) => !asked.includes(name))).toEqual([]);
  });

  test.each(alertRules())('$alert has what GitLab wants of an alert, and an entry in the runbook', (rule) => {
    expect(rule.labels).toEqual({
      severity: expect.stringMatching(/^s[1-4]$/),
      alert_type: expect.stringMatching(/^(symptom|cause)$/),
    });
    const { title, description, runbook = '' } = rule.annotations;
    expect([typeof title, typeof description]).toEqual(['string', 'string']);
    const [file = '', anchor] = runbook.split('#');
    const headings = [...readFileSync(path.join(ROOT, file), 'utf8').matchAll(/^### (\w+)$/gm)];
    expect(headings.map(([, heading]) => heading?.toLowerCase())).toContain(anchor);
    expect(anchor).toBe(rule.alert.toLowerCase());
  });

  test.each(alertRules())('$alert is tested in both directions', ({ alert }) => {
    const directions = alertTests()
      .filter(({ alertname }) => alertname === alert)
      .map(({ exp_alerts }) => (exp_alerts.length > 0 ? 'fires' : 'does not fire'));
    expect([...new Set(directions)].sort()).toEqual(['does not fire', 'fires']);
  });

  const promtool = findProgram(['promtool'], [], process.env['PATH']);
  const missing = 'no promtool here: install the package prometheus';
  const isOptional = promtool === null && process.env['CI'] !== 'true';
  if (isOptional) console.warn(`skipped: the tests of the alert rules: ${missing}`);
  (isOptional ? test.skip : test)(
    'alerts fire when they should and only then, says promtool',
    async () => {
      if (promtool === null) throw new Error(missing);
      const outcome = await promisify(execFile)(promtool, ['test', 'rules', ...alertTestFiles()]).catch(
        (error: { stdout: string; stderr: string }) => error,
      );
      expect(outcome.stdout + outcome.stderr).not.toContain('FAILED');
      expect(outcome.stdout.match(/SUCCESS/g)).toHaveLength(alertTestFiles().length);
    },
    120_000,
  );
});
