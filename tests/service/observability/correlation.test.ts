import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ServiceClient } from '../../support/client';
import { eventually } from '../../support/eventually';
import { TemporalProbe } from '../../support/temporal';
import { attrs, CustomersDot } from '../cdot/support/cdot';
import { Faults } from '../sections/support/faults';
import { startOwnService, type OwnService } from '../sections/support/ownService';

let service: OwnService;
let client: ServiceClient;
let cdot: CustomersDot;
let temporal: TemporalProbe;
beforeAll(async () => {
  [service, cdot] = await Promise.all([
    startOwnService('correlation'),
    CustomersDot.create('cdot_correlation'),
  ]);
  client = service.client;
  temporal = TemporalProbe.in(client.service.temporalNamespace);
});
afterAll(async () => {
  await temporal.close();
  await cdot.close();
  await service.stop();
});

/** The line of a log with this message that is about the id. */
function line(log: () => string, message: string, id: string): Promise<Record<string, unknown>> {
  return eventually(
    () =>
      Promise.resolve(
        log()
          .split('\n')
          .filter((text) => text.includes(`"${id}"`))
          .map((text) => JSON.parse(text) as Record<string, unknown>)
          .find((entry) => entry['message'] === message),
      ),
    `a line "${message}" of ${id}`,
  );
}

test("the id of CustomersDot's attempt is in both logs, the run, its activities' lines and the ledger", async () => {
  const faults = await Faults.install(client);
  const namespaceId = await client.createNamespace();
  await faults.set(namespaceId, 'gitlab_subscriptions', 'XX000', 1); // one failure that is worth a line
  const sender = await cdot.start({ DATA_DIR: client.service.dataDir });
  const { sync } = await cdot.record(namespaceId, attrs(3));
  const [attempt] = await cdot.settled(namespaceId);
  const id = attempt?.correlation_id ?? '';
  expect(attempt).toMatchObject({ state: 'completed', http_status: 200 });
  expect(id).toMatch(/^[0-9a-f-]{36}$/);

  const run = { workflow_id: `provision:${namespaceId}`, run_id: attempt?.run_id };
  expect(await line(sender.log, 'sync sent', id)).toMatchObject({ ...run, sync_id: sync.id });
  expect(await line(service.log, 'request', id)).toMatchObject({ ...run, status: 200, outcome: 'success' });
  expect(await line(service.log, 'unexpected failure of an activity', id)).toMatchObject({
    ...run,
    severity: 'ERROR',
    activity: 'updateSubscription',
    attempt: 1,
  });
  const { memo } = await temporal.handle(namespaceId).describe();
  expect(memo).toMatchObject({ correlation_id: id });
  const ledger = await client.rows<{ correlation_id: string }>(
    'SELECT DISTINCT correlation_id FROM provisioning.ledger WHERE namespace_id = $1',
    [namespaceId],
  );
  expect(ledger).toEqual([{ correlation_id: id }]);
  const lines = service.log().split('\n');
  const aboutRun = lines.filter((text) => text.includes(String(run.run_id)));
  expect(aboutRun.filter((text) => !text.includes(id))).toEqual([]);
});
