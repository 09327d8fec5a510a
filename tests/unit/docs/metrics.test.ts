import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import {
  observeCiResets,
  observeOutbox,
  observeQueue,
  observeRuns,
  observeSigningKey,
} from '../../../src/metrics/observed';
import { observeDeliveries } from '../../../src/metrics/deliveries';
import { createMetrics } from '../../../src/metrics/metrics';
import { observeTableSizes } from '../../../src/metrics/tableSizes';

test('docs/metrics.md and the registry list the same metrics, types and labels', async () => {
  const metrics = createMetrics();
  const away = () => Promise.reject(new Error('not asked'));
  observeQueue(metrics, away);
  observeRuns(metrics, away, away);
  observeCiResets(metrics, away);
  observeDeliveries(metrics, away);
  observeOutbox(metrics, away);
  observeSigningKey(metrics, away);
  observeTableSizes(metrics, 'provisioner', away);
  observeTableSizes(metrics, 'provisioner_customers_dot', away);
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
