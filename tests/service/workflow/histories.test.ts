import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ServiceClient } from '../../support/client';
import { testEnvironment } from '../../support/environment';
import { replay } from '../../support/replay';
import { fullSync } from '../../support/syncs';
import { TemporalProbe } from '../../support/temporal';

/** Where `RECORD_HISTORIES=1 npm test` puts the histories that tests/unit/replay replays for ever after. */
const DIRECTORY = path.join(__dirname, '../../histories');

let compensate: ServiceClient;
let independent: ServiceClient;
let temporal: TemporalProbe;
beforeAll(async () => {
  compensate = await ServiceClient.of('compensate');
  independent = await ServiceClient.of('independent');
  temporal = await TemporalProbe.of('compensate');
});
afterAll(async () => {
  await temporal.close();
  await independent.close();
  await compensate.close();
});

/** Ways that a sync can take; each returns the id of the namespace whose run took it. */
const PATHS: Record<string, () => Promise<string>> = {
  success: async () => {
    const id = await compensate.createNamespace();
    await compensate.provision(id, fullSync(3), 1);
    return id;
  },
  nothing_asked: async () => {
    const id = await compensate.createNamespace();
    await compensate.provision(id, {}, 1);
    return id;
  },
  refused: async () => {
    const id = await compensate.createNamespace();
    await compensate.provision(
      id,
      { ...fullSync(3), storage: { additional_purchased_storage_size: null } },
      1,
    );
    return id;
  },
  rolled_back: async () => {
    const id = await compensate.createNamespace();
    await compensate.fault(id, 'subscription_add_on_purchases', '23514');
    await compensate.provision(id, fullSync(3), 1);
    return id;
  },
  retried: async () => {
    const id = await compensate.createNamespace();
    await compensate.fault(id, 'namespace_limits', '40001');
    const answer = compensate.provision(id, fullSync(3), 1);
    await temporal.pendingActivity(id, 'updateNamespaceLimits');
    await compensate.heal(id);
    await answer;
    return id;
  },
  bug: async () => {
    const id = await compensate.createNamespace();
    await compensate.fault(id, 'namespace_limits', 'XX000');
    await compensate.provision(id, fullSync(3), 1);
    return id;
  },
  cancelled: async () => {
    const id = await compensate.createNamespace();
    await compensate.fault(id, 'namespace_limits', '40001');
    const answer = compensate.provision(id, fullSync(3), 1);
    await temporal.pendingActivity(id, 'updateNamespaceLimits');
    await temporal.handle(id).cancel();
    await answer;
    return id;
  },
  asked_to_stop: async () => {
    const id = await compensate.createNamespace();
    await compensate.fault(id, 'namespace_limits', '40001');
    const answer = compensate.provision(id, fullSync(3), 1);
    await temporal.pendingActivity(id, 'updateNamespaceLimits');
    await temporal.handle(id).signal('newerSync', 2);
    await answer;
    return id;
  },
  independent_refused: async () => {
    const id = await independent.createNamespace();
    await independent.provision(
      id,
      { ...fullSync(3), storage: { additional_purchased_storage_size: null } },
      1,
    );
    return id;
  },
};

describe('the history of a run that took each way replays on the code that made it', () => {
  test.each(Object.keys(PATHS))('%s', async (name) => {
    const id = (await PATHS[name]?.()) ?? '';
    const history = await show(name.startsWith('independent') ? 'independent' : 'compensate', id);
    if (process.env['RECORD_HISTORIES']) {
      await mkdir(DIRECTORY, { recursive: true });
      await writeFile(path.join(DIRECTORY, `${name}.json`), withoutMachine(history));
    }
    expect(await replay(history)).toBeNull();
  });
});

/** Takes out what a history tells of the machine that it was recorded on: paths in stack traces, host names. */
function withoutMachine(history: string): string {
  const root = path.join(__dirname, '../../..');
  return history.replaceAll(root, '').replaceAll(`@${hostname()}`, '@host');
}

/** The history of the last run of a namespace as `temporal workflow show --output json` prints it. */
async function show(temporalNamespace: string, namespaceId: string): Promise<string> {
  const { temporalCli, temporalAddress } = testEnvironment();
  const { stdout } = await promisify(execFile)(
    temporalCli,
    [
      ...['workflow', 'show', '--output', 'json', '--address', temporalAddress],
      ...['--namespace', temporalNamespace, '--workflow-id', `provision:${namespaceId}`],
    ],
    { env: {}, maxBuffer: 16 * 1024 * 1024 },
  );
  return stdout;
}
