import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { told } from './support/fixtures';
import { startOwnService, type OwnService } from './support/ownService';

// Its own database: nobody else has filled the catalogue.
let own: OwnService;
beforeAll(async () => {
  own = await startOwnService('sections_catalogue');
});
afterAll(() => own.stop());

const UNITS = { quantity: 5, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' };
const catalogue = (name: number) =>
  own.client.rows('SELECT * FROM subscription_add_ons WHERE name = $1', [name]);

test('a missing catalogue row is created with its enum and a description, once', async () => {
  const [first, second] = [await own.client.createNamespace(), await own.client.createNamespace()];
  expect(await catalogue(4)).toEqual([]);
  await own.client.provision(first, { add_on_purchases: { duo_amazon_q: [UNITS] } });
  const rows = await catalogue(4);
  expect(rows).toMatchObject([{ name: 4, description: 'Add-on for GitLab Duo with Amazon Q.' }]);
  await own.client.provision(second, { add_on_purchases: { duo_amazon_q: [UNITS] } });
  expect(await catalogue(4)).toEqual(rows);
  expect(await own.client.rows('SELECT subscription_add_on_id FROM subscription_add_on_purchases')).toEqual([
    { subscription_add_on_id: rows[0]?.['id'] },
    { subscription_add_on_id: rows[0]?.['id'] },
  ]);
});

test('a refused add-on and one with nothing to do create no catalogue row', async () => {
  const id = await own.client.createNamespace();
  await own.client.provision(id, { add_on_purchases: { self_hosted_dap: [{ ...UNITS, purchase_xid: '' }] } });
  await own.client.provision(id, { add_on_purchases: { self_hosted_dap: [{ ...UNITS, quantity: 0 }] } });
  expect(await catalogue(6)).toEqual([]);
});

test('several namespaces that need the same missing catalogue row at once all succeed', async () => {
  const ids = await Promise.all(Array.from({ length: 6 }, () => own.client.createNamespace()));
  const answers = await Promise.all(
    ids.map((id) =>
      own.client.provision(id, { add_on_purchases: { gitlab_credits: [UNITS], duo_core: [UNITS] } }),
    ),
  );
  expect(answers.map(told)).toEqual(ids.map(() => [null, null, null, 'success']));
  expect(await catalogue(7)).toHaveLength(1);
});
