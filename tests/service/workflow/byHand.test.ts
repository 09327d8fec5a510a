import { describe, expect, test } from '@jest/globals';
import type { WorkflowFailedError } from '@temporalio/client';
import { sharedService, sharedTemporal } from '../../support/shared';
import { eventually } from '../../support/eventually';
import { fullSync } from '../../support/syncs';
import { payload, signalRaw, startRaw } from './support/raw';

const client = sharedService();
const temporal = sharedTemporal();

const RUN_ID = 'x-provision-run-id';

async function failureOf(workflowId: string): Promise<unknown> {
  const error: unknown = await temporal.client.workflow
    .getHandle(workflowId)
    .result()
    .catch((thrown: unknown) => thrown);
  return (error as WorkflowFailedError).cause;
}

describe('an input that no request could have is refused in words, and the namespace is free again:', () => {
  const nested = (id: string, depth: number) =>
    `{"namespace_id":${id},"provision":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  const names = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`name_${index}`, [{ quantity: 1 }]]));
  test.each<[string, (id: string) => ReturnType<typeof payload>, string]>([
    [
      'of an unknown encoding',
      () => payload('x', 'binary/weird'),
      'cannot be decoded (encoding binary/weird)',
    ],
    ['of no encoding', () => ({ metadata: {}, data: new Uint8Array() }), 'cannot be decoded (encoding )'],
    ['that is no JSON', () => payload('{"namespace_id":'), 'cannot be decoded (encoding json/plain)'],
    ['bytes', () => payload('x', 'binary/plain'), 'namespace_id is missing'],
    ['nested 150,000 deep', (id) => payload(nested(id, 150_000)), 'JSON is nested deeper than 100 levels'],
    [
      'of 320 kB',
      (id) => payload(JSON.stringify({ namespace_id: id, provision: { add_on_purchases: names(10_000) } })),
      'the input must not be larger than 100kb',
    ],
    [
      'of 320 kB that no rule looks at',
      (id) => payload(JSON.stringify({ namespace_id: id, provision: {}, filler: 'x'.repeat(320_000) })),
      'the input must not be larger than 100kb',
    ],
    [
      'with a number for an id that has lost digits',
      (id) => payload(`{"namespace_id":${id}.0000000000000000001e3,"provision":{}}`),
      'the workflow id must be provision:',
    ],
    [
      'with an id beyond 2^53',
      () => payload('{"namespace_id":1e300,"provision":{}}'),
      'namespace_id is invalid',
    ],
  ])('%s', async (_name, inputOf, message) => {
    const id = await client.createNamespace();
    await startRaw(temporal, `provision:${id}`, [inputOf(id)]);
    expect(await failureOf(`provision:${id}`)).toMatchObject({
      type: 'InvalidRequest',
      message: expect.stringContaining(message),
    });
    expect((await client.provision(id, fullSync(3), 1)).status).toBe(200);
  });
});

test('a sync by hand may be as large as one that is sent', async () => {
  const id = await client.createNamespace();
  const provision = { base_product: { plan_code: 'x'.repeat(102_000) } };
  await startRaw(temporal, `provision:${id}`, [payload(JSON.stringify({ namespace_id: id, provision }))]);
  expect(await failureOf(`provision:${id}`)).toMatchObject({ type: 'SyncRefused' });
});

test('a correlation id by hand that no header could have had is none', async () => {
  const id = await client.createNamespace();
  const correlation_id = 'two words';
  await startRaw(temporal, `provision:${id}`, [
    payload(JSON.stringify({ namespace_id: id, provision: fullSync(1), correlation_id })),
  ]);
  await temporal.ended(id);
  const rows = await client.rows(
    'SELECT DISTINCT correlation_id FROM provisioning.ledger WHERE namespace_id = $1',
    [id],
  );
  expect(rows).toEqual([{ correlation_id: null }]);
});

describe('a namespace has one lock, however its id is written:', () => {
  test.each<[string, (id: string) => string]>([
    ['with a zero in front', (id) => `0${id}`],
    ['as text with many zeros in front', (id) => `0000000${id}`],
  ])('an id %s is refused beside the run that has the lock', async (_name, spelled) => {
    const id = await client.createNamespace();
    await client.fault(id, 'namespace_limits', '40001');
    const running = client.provision(id, fullSync(3), 1);
    await temporal.pendingActivity(id, 'updateNamespaceLimits');
    const workflowId = `provision:${spelled(id)}`;
    await startRaw(temporal, workflowId, [
      payload(JSON.stringify({ namespace_id: spelled(id), provision: { base_product: { seats: 9 } } })),
    ]);
    expect(await failureOf(workflowId)).toMatchObject({
      type: 'InvalidRequest',
      message: `the workflow id must be provision:${id}`,
    });
    await client.heal(id);
    expect((await running).status).toBe(200);
    expect((await client.snapshot(id))['gitlab_subscriptions']).toMatchObject([{ seats: 3 }]);
  });

  test('-0 is 0', async () => {
    await startRaw(temporal, 'provision:-0', [payload('{"namespace_id":"-0","provision":{}}')]);
    expect(await failureOf('provision:-0')).toMatchObject({ message: 'the workflow id must be provision:0' });
  });
});

describe('a signal newerSync that no newer sync has sent is ignored:', () => {
  test.each<[string, ReturnType<typeof payload>[]]>([
    ['"abc"', [payload('"abc"')]],
    ['a number as text', [payload('"7"')]],
    ['NaN', [payload('NaN')]],
    ['a huge number', [payload('1e300')]],
    ['a fraction', [payload('7.5')]],
    ['an object', [payload('{"sync_id":7}')]],
    ['a list', [payload('[7]')]],
    ['null', [payload('null')]],
    ['nothing', []],
    ['of an unknown encoding', [payload('7', 'binary/weird')]],
  ])('%s', async (_name, input) => {
    const id = await client.createNamespace();
    await client.fault(id, 'namespace_limits', '40001');
    const answer = client.provision(id, fullSync(3), 5);
    await temporal.pendingActivity(id, 'updateNamespaceLimits');
    await signalRaw(temporal, `provision:${id}`, 'newerSync', input);
    await client.heal(id);
    expect(await answer).toMatchObject({ status: 200, body: { status: 'success' } });
  });

  test('also by a run whose own sync id is none', async () => {
    const id = await client.createNamespace();
    await client.fault(id, 'namespace_limits', '40001');
    const answer = client.provision(id, fullSync(3));
    await temporal.pendingActivity(id, 'updateNamespaceLimits');
    await signalRaw(temporal, `provision:${id}`, 'newerSync', [payload('7')]);
    await client.heal(id);
    expect((await answer).status).toBe(200);
  });

  test('a signal that nobody knows, too', async () => {
    const id = await client.createNamespace();
    await client.fault(id, 'namespace_limits', '40001');
    const answer = client.provision(id, fullSync(3), 5);
    await temporal.pendingActivity(id, 'updateNamespaceLimits');
    await signalRaw(temporal, `provision:${id}`, 'unknown', [payload('7', 'binary/weird')]);
    await client.heal(id);
    expect((await answer).status).toBe(200);
  });
});

test('a run by hand whose memo cannot be decoded is waited for like any other, and is not joined', async () => {
  const id = await client.createNamespace();
  const memo = { digest: payload('x', 'binary/weird'), sync_id: payload('NaN') };
  const input = [payload(JSON.stringify({ namespace_id: id, provision: {} }))];
  const runId = await startRaw(temporal, `provision:${id}`, input, { memo, taskQueue: 'nobody' });
  const answer = client.provision(id, fullSync(3), 1);
  await eventually(async () => {
    const metrics = await client.request('GET', '/-/metrics');
    return /^provisioner_waiters\{for="turn"\} [1-9]/m.test(metrics.text);
  }, 'the request waits for its turn');
  await temporal.handle(id).terminate();
  const { status, headers } = await answer;
  expect({ status, isOther: headers.get(RUN_ID) !== runId }).toEqual({ status: 200, isOther: true });
});
