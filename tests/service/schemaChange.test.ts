import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fullSync } from '../support/syncs';
import { startOwnService, type OwnService } from './sections/support/ownService';

let service: OwnService;
beforeAll(async () => {
  service = await startOwnService('schema_change');
});
afterAll(() => service?.stop());

// Each connection keeps plans of statements on these tables, made before the change.
test.each([
  ['a new column', 'ALTER TABLE gitlab_subscription_histories ADD COLUMN added text'],
  [
    'a column of another type',
    'ALTER TABLE namespace_limits ALTER COLUMN additional_purchased_storage_size TYPE numeric',
  ],
])(
  'GitLab may give a table %s while the service runs: syncs are applied as before',
  async (_what, change) => {
    const { client } = service;
    const id = await client.createNamespace();
    // Statements are planned for good after some calls.
    for (let n = 1; n <= 8; n += 1)
      expect(await client.provision(id, fullSync(n), n)).toMatchObject({ status: 200 });
    await client.db.query(change);
    expect(await client.provision(id, fullSync(9), 9)).toMatchObject({ status: 200 });
    expect(await client.provision(id, fullSync(10), 10)).toMatchObject({ status: 200 });
  },
);
