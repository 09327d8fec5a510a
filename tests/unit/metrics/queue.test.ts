import { expect, test } from '@jest/globals';
import { createMetrics } from '../../../src/metrics/metrics';
import { observeQueue } from '../../../src/metrics/queue';

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
