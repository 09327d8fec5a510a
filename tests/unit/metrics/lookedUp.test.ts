import { expect, test } from '@jest/globals';
import { createMetrics } from '../../../src/metrics/metrics';
import { observeQueue, observeRuns } from '../../../src/metrics/observed';

test('the queue is looked at once for each reading, and has no series while its database is away', async () => {
  const metrics = createMetrics();
  let looks = 0;
  observeQueue(metrics, () => {
    looks += 1;
    if (looks === 2) return Promise.reject(new Error('away'));
    return Promise.resolve({ jobs: { due: 3, waiting: 2, running: 1 }, dueAgeS: 4.5, unsentAgeS: 60 });
  });
  const there = await metrics.registry.metrics();
  expect(there).toMatch(/^provisioner_queue_age_seconds 4.5$/m);
  expect(there).toMatch(/^provisioner_unsent_sync_age_seconds 60$/m);
  expect(there).toMatch(/^provisioner_queue_jobs\{state="due"\} 3$/m);
  const away = await metrics.registry.metrics();
  expect(away).not.toMatch(/^provisioner_(queue|unsent)/m);
  expect(looks).toBe(2);
});

test('Temporal is not asked again for each reading, and a server that knows no pauses still tells of open runs', async () => {
  const metrics = createMetrics();
  let looks = 0;
  const open = () => Promise.resolve({ '0s': ++looks, '10m': 1 });
  observeRuns(metrics, open, () => Promise.reject(new Error('TemporalPauseInfo is not a search attribute')));
  await Promise.all([metrics.registry.metrics(), metrics.registry.metrics()]);
  const text = await metrics.registry.metrics();
  expect(text).toMatch(/^provisioner_open_runs\{older_than="0s"\} 1$/m);
  expect(text).toMatch(/^provisioner_open_runs\{older_than="10m"\} 1$/m);
  expect(text).not.toMatch(/^provisioner_paused_runs/m);
});
