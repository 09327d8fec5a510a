import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testedSchema } from '../../support/environment';
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

const GITLAB_HAS_IT = testedSchema() !== 'planned';
const withCatalogue = () => {
  test('a missing catalogue row is created with its enum and a description, once', async () => {
    const [first, second] = [await own.client.createNamespace(), await own.client.createNamespace()];
    expect(await catalogue(4)).toEqual([]);
    await own.client.provision(first, { add_on_purchases: { duo_amazon_q: [UNITS] } });
    const rows = await catalogue(4);
    expect(rows).toMatchObject([{ name: 4, description: 'Add-on for GitLab Duo with Amazon Q.' }]);
    await own.client.provision(second, { add_on_purchases: { duo_amazon_q: [UNITS] } });
    expect(await catalogue(4)).toEqual(rows);
    expect(await own.client.rows('SELECT subscription_add_on_id FROM subscription_add_on_purchases')).toEqual(
      [{ subscription_add_on_id: rows[0]?.['id'] }, { subscription_add_on_id: rows[0]?.['id'] }],
    );
  });

  test('a refused add-on and one with nothing to do create no catalogue row', async () => {
    const id = await own.client.createNamespace();
    await own.client.provision(id, {
      add_on_purchases: { self_hosted_dap: [{ ...UNITS, purchase_xid: '' }] },
    });
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
};
const withoutCatalogue = () => {
  test('purchases are made, found again and ended all the same', async () => {
    const id = await own.client.createNamespace();
    const buy = await own.client.provision(id, { add_on_purchases: { duo_amazon_q: [UNITS] } });
    const end = await own.client.provision(id, {
      add_on_purchases: { duo_amazon_q: [{ expires_on: '2026-06-01' }] },
    });
    expect([buy, end].map(told)).toEqual([
      [null, null, null, 'success'],
      [null, null, null, 'success'],
    ]);
    expect((await own.client.snapshot(id))['subscription_add_on_purchases']).toMatchObject([
      { subscription_add_on_uid: 4, quantity: 5, expires_on: '2026-06-01' },
    ]);
  });
};

if (GITLAB_HAS_IT) describe('the catalogue of add-ons (contract 4.4, rule 10)', withCatalogue);
else describe('no catalogue of add-ons any more (contract 7)', withoutCatalogue);
