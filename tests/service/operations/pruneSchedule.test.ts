import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ServiceClient } from '../../support/client';
import { eventually } from '../../support/eventually';
import { testEnvironment } from '../../support/environment';
import { TemporalProbe } from '../../support/temporal';
import { provisioner } from '../cli/support';
import { attrs } from '../cdot/support/cdot';
import { startOwnService, type OwnService } from '../sections/support/ownService';

let service: OwnService;
let client: ServiceClient;
let temporal: TemporalProbe;
beforeAll(async () => {
  service = await startOwnService('prune_schedule');
  client = service.client;
  temporal = TemporalProbe.in(client.service.temporalNamespace);
}, 60_000);
afterAll(async () => {
  await temporal?.close();
  await service?.stop();
});

const schedule = (...args: string[]) =>
  provisioner(['prune', '--schedule', ...args], {
    TEMPORAL_ADDRESS: testEnvironment().temporalAddress,
    TEMPORAL_NAMESPACE: client.service.temporalNamespace,
  });

test('a Temporal Schedule prunes the ledger and the outbox; it can be changed and ended', async () => {
  const id = await client.createNamespace();
  for (const [index, seats] of [1, 2, 3].entries()) await client.provision(id, attrs(seats), index + 1);
  await client.rows(
    `UPDATE provisioning.ledger SET created_at = created_at - interval '11 days' WHERE namespace_id = $1`,
    [id],
  );
  const runs = async () => new Set((await client.ledger(id)).map(({ run_id }) => run_id)).size;
  expect(await runs()).toBe(3);

  expect(await schedule('0 0 1 1 *', '--older-than', '400d')).toMatchObject({ code: 0, err: '' });
  expect(await schedule('30 2 * * *', '--older-than', '10d')).toEqual({
    code: 0,
    out: 'Temporal prunes at 30 2 * * * (UTC): Schedule prune.\n',
    err: '',
  });
  const handle = temporal.client.schedule.getHandle('prune');
  await handle.trigger();
  await eventually(async () => (await runs()) === 1, 'only the newest run is left');

  expect(await schedule('off')).toMatchObject({ code: 0, out: 'Temporal prunes no more.\n' });
  await expect(handle.describe()).rejects.toThrow();
  expect(await schedule('off')).toMatchObject({ code: 0 });
});

test('a time that Temporal does not take is one line', async () => {
  expect(await schedule('at night')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^provisioner: Temporal does not take the Schedule "prune": .+\n$/),
  });
});
