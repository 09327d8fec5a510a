import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { createActivities } from '../../../src/activities';
import { SchemaCache } from '../../../src/db/gitlabSchema';
import { createPool } from '../../../src/db/pool';
import { createMetrics } from '../../../src/metrics/metrics';
import { sharedService, sharedTemporal } from '../../support/shared';
import { testEnvironment } from '../../support/environment';
import { replay } from '../../support/replay';
import { startAttributes } from '../../../src/workflows/searchAttributes';
import { fullSync } from '../../support/syncs';
import {
  changedWorkflows,
  DEPRECATED,
  GUARDED,
  type ChangedWorkflows,
} from '../../unit/workflows/support/changedWorkflows';
import { historyOf } from './support/history';

/** So that the worker of the service under test does not take these runs. */
const TASK_QUEUE = 'patching';

const client = sharedService();
const temporal = sharedTemporal();
let guarded: ChangedWorkflows;
let connection: NativeConnection;
let pool: ReturnType<typeof createPool>;
beforeAll(async () => {
  guarded = await changedWorkflows(GUARDED);
  connection = await NativeConnection.connect({ address: testEnvironment().temporalAddress });
  const url = client.service.databaseUrl;
  pool = createPool({ url, applicationName: 'test', max: 4, onError: () => undefined });
});
afterAll(async () => {
  await pool?.end();
  await connection?.close();
  await guarded?.remove();
  await Runtime.instance().shutdown();
});

describe('a step that was added behind patched()', () => {
  test('is run by new runs, and their histories replay once the guard is deprecated', async () => {
    const announced: string[] = [];
    const activities = {
      ...createActivities({
        pool,
        schema: new SchemaCache(pool),
        ciResets: null,
        policy: 'compensate',
        findSearchAttributes: () => Promise.resolve([]),
        onAnswer: () => undefined,
        onFailure: () => undefined,
        log: pino({ level: 'silent' }),
        logContext: new AsyncLocalStorage(),
        metrics: createMetrics(),
      }),
      announceOutcome: async ({ input }: { input: { namespace_id: string } }) =>
        void announced.push(input.namespace_id),
    };
    const worker = await Worker.create({
      connection,
      namespace: client.service.temporalNamespace,
      taskQueue: TASK_QUEUE,
      workflowBundle: { codePath: guarded.bundle },
      activities,
    });
    const id = await client.createNamespace();
    const result = await worker.runUntil(
      temporal.client.workflow.execute('provisionNamespace', {
        workflowId: `provision:${id}`,
        taskQueue: TASK_QUEUE,
        args: [{ namespace_id: id, sync_id: 1, provision: fullSync(3) }],
        typedSearchAttributes: startAttributes(id, 1),
      }),
    );
    expect(result).toMatchObject({ status: 'success' });
    expect(announced).toEqual([id]);

    const history = await historyOf('compensate', id);
    expect(await replay(history, guarded.bundle)).toBeNull();
    const deprecated = await changedWorkflows(DEPRECATED);
    expect(await replay(history, deprecated.bundle)).toBeNull();
    await deprecated.remove();
    expect(await replay(history)).toMatch(/nondeterminism/i); // going back to the code before it is a change, too
  });
});
