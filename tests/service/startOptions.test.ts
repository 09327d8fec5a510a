import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { sharedService, sharedTemporal } from '../support/shared';
import { testEnvironment } from '../support/environment';
import { startOwnService } from './sections/support/ownService';
import { fullSync } from '../support/syncs';
import { tapWay } from './support/tappedWay';

const client = sharedService();
const temporal = sharedTemporal();

test('where API and worker share the process, a run starts there at once (eager start)', async () => {
  const id = await client.createNamespace();
  await client.provision(id, fullSync(2), 1);
  const [started] = await temporal.events(id);
  expect(started?.workflowExecutionStartedEventAttributes?.eagerExecutionAccepted).toBe(true);
});

test('what goes to a Temporal server on this machine is not compressed', async () => {
  const [host = '', port] = testEnvironment().temporalAddress.split(':');
  let isReadable = false;
  const way = await tapWay(host, Number(port), () => (chunk) => {
    isReadable ||= chunk.includes('"purchase_xid":"A-7"');
  });
  const own = await startOwnService('no_compression', 'compensate', undefined, {
    TEMPORAL_ADDRESS: `127.0.0.1:${way.port}`,
  });
  try {
    const id = await own.client.createNamespace();
    expect((await own.client.provision(id, fullSync(7), 1)).status).toBe(200);
    expect(isReadable).toBe(true);
  } finally {
    await own.stop();
    await way.close();
  }
});

test('where search attributes cannot be created the service says so and runs without', async () => {
  const { temporalCli, temporalAddress } = testEnvironment();
  const own = await startOwnService('no_attributes', 'compensate', async (temporalNamespace) => {
    // The server takes three whole-number attributes a namespace: then there is no room for ours.
    for (const name of ['A', 'B', 'C']) {
      const args = ['operator', 'search-attribute', 'create', '--name', name, '--type', 'Int'];
      await promisify(execFile)(temporalCli, [
        ...args,
        '-n',
        temporalNamespace,
        '--address',
        temporalAddress,
      ]);
    }
  });
  const id = await own.client.createNamespace();
  expect((await own.client.provision(id, fullSync(2), 1)).status).toBe(200);
  expect(own.log()).toContain('search attributes cannot be used');
  await own.stop();
});
