import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { workflowIdOf } from '../../src/domain/request';
import { openActivities, openPool } from './databaseWork';
import { serve, setting } from './front';
import type { provisionNaively } from './naiveWorkflow';

// Temporal as its samples use it: a plain start, regular activities, a worker with default settings.
const TASK_QUEUE = 'naive';

async function main() {
  const pool = openPool(setting('GITLAB_DATABASE_URL'));
  const address = setting('TEMPORAL_ADDRESS');
  const namespace = setting('TEMPORAL_NAMESPACE');
  Runtime.install({ logger: new DefaultLogger('WARN') });
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address }),
    namespace,
    taskQueue: TASK_QUEUE,
    workflowsPath: require.resolve('./naiveWorkflow.ts'),
    activities: openActivities(pool),
  });
  void worker.run().then(() => process.exit());
  const client = new Client({ connection: await Connection.connect({ address }), namespace });
  await serve(pool, async (input) => {
    const handle = await client.workflow.start<typeof provisionNaively>('provisionNaively', {
      workflowId: workflowIdOf(input.namespace_id),
      taskQueue: TASK_QUEUE,
      args: [input],
    });
    return handle.result();
  });
}

void main();
