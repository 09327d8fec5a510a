import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { observeCiResets } from '../../../src/metrics/ciResets';
import { createMetrics } from '../../../src/metrics/metrics';
import { observeQueue } from '../../../src/metrics/queue';

test('docs/metrics.md and the registry list the same metrics, types and labels', async () => {
  const metrics = createMetrics();
  observeQueue(metrics, () => Promise.reject(new Error('not asked')));
  observeCiResets(metrics, () => Promise.reject(new Error('not asked')));
  const registered = (await metrics.registry.getMetricsAsJSON())
    .filter(({ name }) => !/^(process|nodejs)_/.test(name))
    .map(({ name, type }) => {
      const { labelNames } = metrics.registry.getSingleMetric(name) as unknown as { labelNames: string[] };
      return [name, type, labelNames.join(', ')];
    });
  const text = readFileSync(path.join(__dirname, '../../../docs/metrics.md'), 'utf8');
  const documented = [...text.matchAll(/^\| `(\w+)` +\| (\w+) +\| ([^|]*?) +\|/gm)].map(
    ([, name, type, labels = '']) => [name, type, labels.replaceAll('`', '')],
  );
  expect(documented.sort()).toEqual(registered.sort());
});
