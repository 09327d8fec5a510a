import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { fullSync } from '../../support/syncs';
import { TemporalProbe } from '../../support/temporal';
import { Faults } from '../sections/support/faults';
import { startOwnService, type OwnService } from '../sections/support/ownService';

let service: OwnService;
let temporal: TemporalProbe;
let faults: Faults;
beforeAll(async () => {
  service = await startOwnService('search_attributes');
  temporal = TemporalProbe.in(service.client.service.temporalNamespace);
  faults = await Faults.install(service.client);
});
afterAll(async () => {
  await temporal?.close();
  await service?.stop();
});

const TYPES = {
  GitlabNamespaceId: 'Int',
  SyncId: 'Int',
  ProvisionOutcome: 'Keyword',
  RefusedSections: 'KeywordList',
  Compensated: 'Bool',
};
type Name = keyof typeof TYPES;

/** `temporal operator search-attribute …` in the service's Temporal namespace. */
async function operate(...args: string[]): Promise<string> {
  const { temporalCli, temporalAddress } = testEnvironment();
  const { temporalNamespace } = service.client.service;
  const where = ['--namespace', temporalNamespace, '--address', temporalAddress];
  const { stdout } = await promisify(execFile)(
    temporalCli,
    ['operator', 'search-attribute', ...args, ...where],
    { env: {} },
  );
  return stdout;
}

const remove = (...names: Name[]) => operate('remove', '--yes', ...names.flatMap((name) => ['--name', name]));
const create = (name: Name, type: string) => operate('create', '--name', name, '--type', type);
const list = async () => {
  const known = JSON.parse(await operate('list', '--output', 'json')) as {
    customAttributes?: Record<string, string>;
  };
  return known.customAttributes ?? {};
};

/** Gives an attribute a type; the service may make a missing one in between. */
const replace = (name: Name, type: string) =>
  eventually(async () => {
    await remove(name).catch(() => undefined);
    return create(name, type).then(
      () => true,
      () => false,
    );
  }, `${name} is of type ${type}`);

interface Readiness {
  status: string;
  warnings?: string[];
}

async function readiness(): Promise<{ status: number; body: Readiness }> {
  const { status, body } = await service.client.request<Readiness>('GET', '/-/readiness');
  return { status, body };
}

const missing = async () => {
  const { text } = await service.client.request('GET', '/-/metrics');
  return Number(/^provisioner_search_attributes_missing (\d+)/m.exec(text)?.[1]);
};

const attributesOf = async (id: string) =>
  Object.keys(
    (await temporal.handle(id).describe()).raw.workflowExecutionInfo?.searchAttributes?.indexedFields ?? {},
  );

const closed = (id: string) =>
  eventually(
    async () => {
      const { status } = await temporal.handle(id).describe();
      return status.name !== 'RUNNING' && status.name;
    },
    `the run of ${id} is closed`,
    60_000,
  );

const REFUSED = { base_product: { seats: -1 } };

describe('search attributes that got lost while the service runs', () => {
  test.each<[string, Name[]]>([
    ['one of those of a start', ['SyncId']],
    ['all of them', Object.keys(TYPES) as Name[]],
  ])(
    '%s: syncs go on, and they are made again',
    async (_name, names) => {
      const { client } = service;
      await remove(...names);
      const id = await client.createNamespace();
      expect((await client.provision(id, fullSync(3), 1)).status).toBe(200);
      // Not all of the server sees a change at once, so that the service may see it at a later start.
      await eventually(async () => {
        expect((await client.provision(id, fullSync(3), 1)).status).toBe(200);
        const isListed =
          Object.keys(await list())
            .sort()
            .join() === Object.keys(TYPES).sort().join();
        return isListed && (await attributesOf(id)).includes('SyncId');
      }, 'they are listed, and a run has them');
      expect(await readiness()).toMatchObject({ status: 200, body: { status: 'ok' } });
      expect((await readiness()).body.warnings).toBeUndefined();
      expect(await missing()).toBe(0);
    },
    60_000,
  );

  test('that of the outcome: a refused run closes, at once or when it has been made again', async () => {
    const { client } = service;
    await remove('ProvisionOutcome');
    const id = await client.createNamespace();
    expect((await client.provision(id, REFUSED, 1)).status).toBe(422);
    expect(await closed(id)).toBe('FAILED');
    expect((await client.provision(id, fullSync(3), 2)).status).toBe(200);
  }, 90_000);
});

describe('a search attribute that has another type, so that nobody can make it as runs need it:', () => {
  const NAMED = 'search attribute SyncId is of type keyword and not int';

  test('runs start without it; readiness, a metric and the log name it; they have it again when it is mended', async () => {
    const { client } = service;
    await replace('SyncId', 'Keyword');
    const id = await client.createNamespace();
    expect((await client.provision(id, fullSync(3), 1)).status).toBe(200);
    await eventually(async () => {
      await client.provision(id, fullSync(3), 1);
      return (await attributesOf(id)).join() === 'GitlabNamespaceId';
    }, 'a run has the other one');
    await eventually(async () => (await readiness()).body.warnings?.[0] === NAMED, 'readiness warns');
    expect(await readiness()).toEqual({
      status: 200,
      body: { status: 'ok', checks: expect.anything(), warnings: [NAMED] },
    });
    expect(await missing()).toBe(1);
    const lines = service.log().split('\n');
    expect(lines.filter((line) => line.includes('SyncId is of type keyword'))).toHaveLength(1);

    await replace('SyncId', 'Int');
    await eventually(async () => {
      await readiness();
      await client.provision(id, fullSync(3), 1);
      return (await attributesOf(id)).includes('SyncId');
    }, 'a run has it again');
    expect((await readiness()).body.warnings).toBeUndefined();
  }, 60_000);

  test.each<[string, 'refused' | 'cancelled' | 'superseded' | 'bug']>([
    ['that was refused', 'refused'],
    ['that was cancelled', 'cancelled'],
    ['that was asked to stop', 'superseded'],
    ['that ends on a bug', 'bug'],
  ])(
    'a run %s closes without it',
    async (_name, end) => {
      const { client } = service;
      const id = await client.createNamespace();
      const isStuck = end !== 'refused';
      if (isStuck) await faults.set(id, 'namespace_limits', '40001');
      const answer = client.provision(id, isStuck ? fullSync(3) : REFUSED, 1);
      if (isStuck) await temporal.pendingActivity(id, 'updateNamespaceLimits');
      await replace('ProvisionOutcome', 'Int');
      if (end === 'cancelled') await temporal.handle(id).cancel();
      if (end === 'superseded') await temporal.handle(id).signal('newerSync', 2);
      if (end === 'bug') await faults.set(id, 'namespace_limits', 'XX000');
      await answer;
      expect(await closed(id)).toEqual(expect.any(String));
      await faults.clear(id);
      expect((await client.provision(id, fullSync(4), 3)).status).toBe(200);
      await replace('ProvisionOutcome', 'Keyword');
    },
    90_000,
  );
});
