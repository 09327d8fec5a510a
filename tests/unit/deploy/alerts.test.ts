import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { alertRules, queries, selectors } from '../../support/deployFiles';

const ROOT = path.join(__dirname, '../../..');

describe('alerts and dashboard', () => {
  test.each(queries())('$where: its query is PromQL that asks for metrics', ({ expr }) => {
    expect(selectors(expr).length).toBeGreaterThan(0);
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
});
