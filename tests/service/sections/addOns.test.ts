import { describe, expect, test } from '@jest/globals';
import type { Answer } from '../../../src/domain/answer';
import { provisionPath } from '../../support/client';
import { sharedService } from '../../support/shared';
import { addOnColumns, day, events, only, seedPurchase, stepTime, told } from './support/fixtures';

const client = sharedService();

const UNITS = { quantity: 5, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' };
const STORED = { quantity: 5, started_at: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' };

const purchasesOf = async (id: string) => (await client.snapshot(id))['subscription_add_on_purchases'] ?? [];
const timeOf = (id: string) => stepTime(client, id, 'upsertAddOnPurchases');

async function sync(id: string, add_on_purchases: Record<string, unknown>) {
  const answer = await client.provision(id, { add_on_purchases });
  expect(told(answer)).toEqual([null, null, null, 'success']);
  return answer;
}

test('a whole float is an integer, and another float is none', async () => {
  const id = await client.createNamespace();
  // As text: JavaScript writes 5.0 as 5.
  const sent = (quantity: string) =>
    client.request<Answer>('POST', provisionPath(id), {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ provision: { add_on_purchases: { duo_core: [UNITS] } } }).replace(
        '"quantity":5',
        `"quantity":${quantity}`,
      ),
    });
  expect((await sent('5.5')).body.message).toBe('Quantity must be an integer.');
  expect(await purchasesOf(id)).toEqual([]);
  expect(told(await sent('5.0'))).toEqual([null, null, null, 'success']);
  expect(await purchasesOf(id)).toMatchObject([{ quantity: 5 }]);
});

test('a purchase is created with what was sent, no trial, in the organization of the namespace', async () => {
  const organization = await client.insert('organizations', { name: 'Other', path: `other-${Date.now()}` });
  const { rows } = await client.db.query<{ id: string }>(
    `INSERT INTO namespaces (name, path, type, organization_id) VALUES ('o', 'o', 'Group', $1) RETURNING id`,
    [organization['id']],
  );
  const id = rows[0]?.id ?? '';
  await sync(id, { duo_pro: [UNITS] });
  const now = await timeOf(id);
  expect(await purchasesOf(id)).toEqual([
    {
      id: expect.any(String),
      ...(await addOnColumns(client, 1)),
      namespace_id: id,
      organization_id: organization['id'],
      ...STORED,
      trial: false,
      last_assigned_users_refreshed_at: null,
      created_at: now,
      updated_at: now,
    },
  ]);
});

test('every add-on is stored under its own enum', async () => {
  const id = await client.createNamespace();
  const enums = {
    duo_enterprise: 3,
    duo_amazon_q: 4,
    duo_core: 5,
    self_hosted_dap: 6,
    gitlab_credits: 7,
    secrets_manager: 8,
    flex_offline: 9,
    code_suggestions: 1,
  };
  await sync(
    id,
    Object.fromEntries(Object.keys(enums).map((name) => [name, [{ ...UNITS, purchase_xid: name }]])),
  );
  const name = client.hasTable('subscription_add_ons')
    ? '(SELECT name FROM subscription_add_ons WHERE id = subscription_add_on_id)'
    : 'subscription_add_on_uid';
  const stored = await client.rows(
    `SELECT purchase_xid, subscription_add_on_uid AS uid, ${name} AS name FROM subscription_add_on_purchases AS purchase
     WHERE namespace_id = $1 ORDER BY purchase.id`,
    [id],
  );
  expect(stored).toEqual(
    Object.entries(enums).map(([name, uid]) => ({ purchase_xid: name, uid, name: uid })),
  );
});

test('an update writes only the keys that were sent and not null, and keeps the trial', async () => {
  const id = await client.createNamespace();
  const before = await seedPurchase(client, id, 4, { trial: true });
  await sync(id, {
    duo_amazon_q: [{ quantity: '7', expires_on: '2028-01-01', purchase_xid: null, started_on: null }],
  });
  expect(await purchasesOf(id)).toEqual([
    { ...before, quantity: 7, expires_on: '2028-01-01', updated_at: await timeOf(id) },
  ]);
});

test('a de-provision with yesterday’s dates moves the dates and keeps quantity and xid', async () => {
  const id = await client.createNamespace();
  const before = await seedPurchase(client, id, 3);
  await sync(id, {
    duo_enterprise: [{ quantity: null, started_on: day(-1), expires_on: day(-1), purchase_xid: null }],
  });
  expect(await purchasesOf(id)).toEqual([
    { ...before, started_at: day(-1), expires_on: day(-1), updated_at: await timeOf(id) },
  ]);
});

test('what is stored already is not written again, and only its users are refreshed', async () => {
  const id = await client.createNamespace();
  await seedPurchase(client, id, 1, { purchase_xid: 'A-1' });
  const before = await client.snapshot(id);
  const answer = await sync(id, { duo_pro: [{ ...UNITS, trial: 'false' }] });
  expect(await client.snapshot(id)).toEqual(before);
  expect(await events(client, id, answer)).toEqual(['refresh_user_assignments', 'enable_code_review_flow']);
  expect((await client.ledger(id))[1]).toMatchObject({ step: 'upsertAddOnPurchases', before: [], after: [] });
});

describe('nothing is done and the section succeeds', () => {
  test.each<[string, unknown]>([
    ['for an empty array', []],
    ['for null', null],
    ['for empty objects', [{}, { quantity: null }]],
    ['for no quantity and no row', [{ started_on: day(-1), expires_on: day(-1) }]],
    ['for quantity 0 and no row', [{ ...UNITS, quantity: 0 }]],
    ['for a negative quantity and no row', [{ ...UNITS, quantity: -1 }]],
  ])('%s', async (_, value) => {
    const id = await client.createNamespace();
    await sync(id, { duo_enterprise: value });
    expect(await purchasesOf(id)).toEqual([]);
  });

  test('for a name that is not mentioned: its purchase stays', async () => {
    const id = await client.createNamespace();
    const amazon = await seedPurchase(client, id, 4);
    await sync(id, { duo_core: [UNITS] });
    expect(await purchasesOf(id)).toContainEqual(amazon);
  });

  test('when the row to de-provision is the other one of Pro and Enterprise', async () => {
    const id = await client.createNamespace();
    const enterprise = await seedPurchase(client, id, 3);
    await sync(id, { duo_pro: [{ started_on: day(-1), expires_on: day(-1) }] });
    expect(await purchasesOf(id)).toEqual([enterprise]);
  });
});

test('only the first element of an array counts', async () => {
  const id = await client.createNamespace();
  await sync(id, { duo_core: [UNITS, { ...UNITS, quantity: 99 }] });
  expect(await purchasesOf(id)).toMatchObject([STORED]);
});

describe('Duo Pro and Duo Enterprise', () => {
  test('a Pro row becomes Enterprise and Pro again, and stays the same row', async () => {
    const id = await client.createNamespace();
    const before = await seedPurchase(client, id, 1, { expires_on: '2026-01-02' }); // expired rows count too
    await seedPurchase(client, await client.createNamespace(), 3); // so that the catalogue has Enterprise
    await sync(id, { duo_enterprise: [UNITS] });
    const enterprise = {
      ...before,
      ...STORED,
      ...(await addOnColumns(client, 3)),
    };
    expect(await purchasesOf(id)).toEqual([{ ...enterprise, updated_at: await timeOf(id) }]);
    await sync(id, { duo_pro: [{ ...UNITS, quantity: 6 }] });
    expect(await purchasesOf(id)).toEqual([
      { ...before, ...STORED, quantity: 6, updated_at: await timeOf(id) },
    ]);
  });

  test('Enterprise wins when both are asked for, in either order', async () => {
    const enterprise = { ...UNITS, purchase_xid: 'A-E' };
    for (const names of [
      { duo_pro: [UNITS], duo_enterprise: [enterprise] },
      { duo_enterprise: [enterprise], duo_pro: [UNITS] },
    ]) {
      const id = await client.createNamespace();
      await sync(id, names);
      expect(await purchasesOf(id)).toMatchObject([{ subscription_add_on_uid: 3, purchase_xid: 'A-E' }]);
    }
  });

  test('Pro is bought while Enterprise is only de-provisioned', async () => {
    const id = await client.createNamespace();
    const before = await seedPurchase(client, id, 3);
    await sync(id, { duo_enterprise: [{ started_on: day(-1), expires_on: day(-1) }], duo_pro: [UNITS] });
    expect(await purchasesOf(id)).toMatchObject([
      { id: before['id'], subscription_add_on_uid: 1, ...STORED },
    ]);
  });

  test('the Enterprise row is taken where both exist', async () => {
    const id = await client.createNamespace();
    const pro = await seedPurchase(client, id, 1);
    const enterprise = await seedPurchase(client, id, 3);
    await sync(id, { duo_enterprise: [UNITS] });
    expect(await purchasesOf(id)).toEqual([pro, { ...enterprise, ...STORED, updated_at: await timeOf(id) }]);
  });

  test('code_suggestions is looked up by its own name only: a Pro row beside Enterprise', async () => {
    const id = await client.createNamespace();
    const enterprise = await seedPurchase(client, id, 3);
    await sync(id, { code_suggestions: [UNITS] });
    expect(await purchasesOf(id)).toMatchObject([enterprise, { subscription_add_on_uid: 1, ...STORED }]);
  });
});

describe('Duo Core is switched on', () => {
  const NEW = { ...UNITS, new_subscription: 'yes' };

  /** @returns the setting after a sync of `duo_core`, and the events that tell of Duo Core */
  async function settingAfter(
    stored: boolean | null,
    element: Record<string, unknown>,
    settings: 'with' | 'without' = 'with',
  ) {
    const id = await client.createNamespace({
      settings: settings === 'with' ? { duo_nano_features_enabled: stored } : null,
    });
    const answer = await sync(id, { duo_core: [element] });
    const told = (await events(client, id, answer)).filter((event) => event === 'duo_core_enabled');
    return [(await only(client, 'namespace_settings', id))?.['duo_nano_features_enabled'], told];
  }

  test('by a new subscription for a namespace that never chose', async () => {
    expect(await settingAfter(null, NEW)).toEqual([true, ['duo_core_enabled']]);
  });

  test.each<[string, boolean | null, Record<string, unknown>]>([
    ['against a choice', false, NEW],
    ['once more', true, NEW],
    ['by an old subscription', null, { ...UNITS, new_subscription: false }],
    ['when it is not said whether the subscription is new', null, UNITS],
    ['when nothing is created', null, { ...NEW, quantity: 0 }],
  ])('but not %s', async (_, stored, element) => {
    expect(await settingAfter(stored, element)).toEqual([stored, []]);
  });

  test('but not where there are no settings', async () => {
    expect(await settingAfter(null, NEW, 'without')).toEqual([undefined, []]);
  });

  test('by its own name only', async () => {
    const id = await client.createNamespace();
    await sync(id, { duo_pro: [NEW] });
    expect(await only(client, 'namespace_settings', id)).toMatchObject({ duo_nano_features_enabled: null });
  });
});
