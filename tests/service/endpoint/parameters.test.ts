import { beforeAll, describe, expect, test } from '@jest/globals';
import { sharedService } from '../../support/shared';
import { errorOf, NOTHING_ASKED, post, postJson, send, type WireAnswer } from './support';

const client = sharedService();
/** For requests that write nothing. */
let shared: string;
beforeAll(async () => {
  shared = await client.createNamespace();
});

const APPLIED = { status: 200, text: NOTHING_ASKED };

/** The first row of each table after a sync of a namespace of its own. */
async function storedAfter(provision: unknown): Promise<Record<string, Record<string, unknown> | undefined>> {
  const id = await client.createNamespace();
  const { status, text } = await client.provision(id, provision);
  expect({ status, text }).toMatchObject({ status: 200 });
  const tables = await client.snapshot(id);
  return Object.fromEntries(Object.entries(tables).map(([table, rows]) => [table, rows[0]]));
}

function messageOf({ status, text }: WireAnswer): string {
  expect(status).toBe(422);
  return (JSON.parse(text) as { message: string }).message;
}

describe('provision', () => {
  test.each([
    '{}',
    '{"provisions":{}}',
    '{"Provision":{}}',
    '{"sync_id":1}',
    '[]',
    '[{"provision":{}}]',
    'null',
    '1',
    '"x"',
  ])('is missing from %s', async (body) => {
    expect(errorOf(await post(client, shared, body))).toBe('provision is missing');
  });

  test.each([[''], ['x'], [[]], [[{}]], [0], [1], [1.5], [true], [false]])(
    '%j is invalid',
    async (provision) => {
      expect(errorOf(await postJson(client, shared, { provision }))).toBe('provision is invalid');
    },
  );

  test.each([[null], [{}], [{ unknown: 1 }], [{ packs: [{}] }]])(
    '%j is fine and does nothing',
    async (provision) => {
      const id = await client.createNamespace();
      const before = await client.snapshot(id);
      expect(await postJson(client, id, { provision })).toMatchObject(APPLIED);
      expect(await client.snapshot(id)).toEqual(before);
    },
  );

  test('has unknown neighbours at the root, which are ignored', async () => {
    const body = { utf8: '✓', id: 1, namespace_id: 1, correlation_id: {}, provision: {}, dry_run: [true] };
    expect(await postJson(client, shared, body)).toMatchObject(APPLIED);
  });
});

describe('sync_id', () => {
  test.each(['1', '1.0', '1e2', '9007199254740991', 'null'])('may be %s', async (syncId) => {
    const id = await client.createNamespace();
    expect(await post(client, id, `{"provision":{},"sync_id":${syncId}}`)).toMatchObject(APPLIED);
  });

  test.each([
    '0',
    '-0',
    '-1',
    '1.5',
    '9007199254740992',
    '9007199254740993',
    '1e16',
    '1e400',
    '-1e400',
    '18446744073709551616',
    '"1"',
    '""',
    '"x"',
    'true',
    'false',
    '[]',
    '[1]',
    '{}',
  ])('is invalid as %s', async (syncId) => {
    expect(errorOf(await post(client, shared, `{"provision":{},"sync_id":${syncId}}`))).toBe(
      'sync_id is invalid',
    );
  });

  test('is reported after the errors of provision', async () => {
    expect(errorOf(await postJson(client, shared, { sync_id: 'x' }))).toBe(
      'provision is missing, sync_id is invalid',
    );
    expect(errorOf(await postJson(client, shared, { sync_id: 'x', provision: 1 }))).toBe(
      'provision is invalid, sync_id is invalid',
    );
  });
});

const SECTIONS = ['base_product', 'storage', 'compute_minutes', 'add_on_purchases'] as const;

describe.each(SECTIONS)('the section %s', (section) => {
  const empty = section === 'add_on_purchases' ? [null, {}] : [null, {}, { unknown: 1 }];
  test.each(empty.map((value) => [value]))(
    'as %j is skipped: null in the payload, nothing written',
    async (value) => {
      const id = await client.createNamespace();
      const before = await client.snapshot(id);
      expect(await postJson(client, id, { provision: { [section]: value } })).toMatchObject(APPLIED);
      expect(await client.snapshot(id)).toEqual(before);
    },
  );

  test.each([[''], ['x'], [[]], [[{}]], [0], [1], [true], [false]])('as %j is invalid', async (value) => {
    const answer = await postJson(client, shared, { provision: { [section]: value } });
    expect(errorOf(answer)).toBe(`provision[${section}] is invalid`);
  });
});

describe('add_on_purchases counts as asked with any name', () => {
  test.each([
    [{ duo_enterprise: [] }],
    [{ duo_pro: null }],
    [{ duo_core: [{}] }],
    [{ duo_pro: [], duo_core: [] }],
  ])('%j is success, nothing to do', async (addOns) => {
    const id = await client.createNamespace();
    const before = await client.snapshot(id);
    const { body, status } = await client.provision(id, { add_on_purchases: addOns });
    expect(status).toBe(200);
    expect(body.payload).toEqual({
      base_product: null,
      storage: null,
      compute_minutes: null,
      add_on_purchases: { status: 'success' },
    });
    expect(await client.snapshot(id)).toEqual(before);
  });
});

describe('errors of parameters', () => {
  const INTEGERS = [
    ['base_product', 'seats'],
    ['base_product', 'max_seats_used'],
    ['compute_minutes', 'shared_runners_minutes_limit'],
    ['compute_minutes', 'extra_shared_runners_minutes_limit'],
    ['storage', 'additional_purchased_storage_size'],
  ];
  test.each(INTEGERS)('%s.%s takes integers only', async (section, key) => {
    for (const value of ['1.5', 'abc', '1e3', '0x10', '1__0', '_1', '1_', '٣', true, {}, [], [1]]) {
      const answer = await postJson(client, shared, { provision: { [section]: { [key]: value } } });
      expect(errorOf(answer)).toBe(`provision[${section}][${key}] is invalid`);
    }
    const infinite = `{"provision":{"${section}":{"${key}":1e400}}}`;
    expect(errorOf(await post(client, shared, infinite))).toBe(`provision[${section}][${key}] is invalid`);
  });

  const DATES = [
    ['base_product', 'start_date'],
    ['base_product', 'end_date'],
    ['base_product', 'trial_starts_on'],
    ['base_product', 'trial_ends_on'],
    ['storage', 'additional_purchased_storage_ends_on'],
  ];
  test.each(DATES)('%s.%s takes dates only', async (section, key) => {
    for (const value of [
      'soon',
      '2026-02-30',
      '2026-13-01',
      '0000-01-01',
      20260213,
      true,
      {},
      ['2026-02-13'],
    ]) {
      const answer = await postJson(client, shared, { provision: { [section]: { [key]: value } } });
      expect(errorOf(answer)).toBe(`provision[${section}][${key}] is invalid`);
    }
  });

  test.each(['trial', 'auto_renew', 'contract_overages_allowed'])(
    'base_product.%s takes booleans only',
    async (key) => {
      for (const value of ['maybe', 2, -1, 0.5, {}, [true]]) {
        const answer = await postJson(client, shared, { provision: { base_product: { [key]: value } } });
        expect(errorOf(answer)).toBe(`provision[base_product][${key}] is invalid`);
      }
    },
  );

  test('base_product.plan_code takes scalars only', async () => {
    for (const plan_code of [{}, [], ['premium']]) {
      const answer = await postJson(client, shared, { provision: { base_product: { plan_code } } });
      expect(errorOf(answer)).toBe('provision[base_product][plan_code] is invalid');
    }
  });

  test('are collected over all sections and joined, whatever the order of the request', async () => {
    const provision = {
      add_on_purchases: [],
      storage: { additional_purchased_storage_ends_on: 'never', additional_purchased_storage_size: true },
      base_product: { trial: 'maybe', plan_code: {}, seats: '1.5', unknown: [], end_date: 1 },
    };
    expect(errorOf(await postJson(client, shared, { provision, sync_id: 0 }))).toBe(
      [
        'provision[base_product][plan_code] is invalid',
        'provision[base_product][end_date] is invalid',
        'provision[base_product][seats] is invalid',
        'provision[base_product][trial] is invalid',
        'provision[storage][additional_purchased_storage_size] is invalid',
        'provision[storage][additional_purchased_storage_ends_on] is invalid',
        'provision[add_on_purchases] is invalid',
        'sync_id is invalid',
      ].join(', '),
    );
  });

  test('keep the whole sync from being applied', async () => {
    const id = await client.createNamespace();
    const before = await client.snapshot(id);
    const provision = { compute_minutes: { shared_runners_minutes_limit: 7 }, storage: '' };
    expect((await postJson(client, id, { provision })).status).toBe(400);
    expect(await client.snapshot(id)).toEqual(before);
  });
});

describe('what is stored', () => {
  /** Compares what is in `column` after each sample, all at once. */
  async function expectStored(
    samples: [sent: unknown, stored: unknown][],
    provisionOf: (sent: unknown) => unknown,
    [table, column]: [string, string],
  ): Promise<void> {
    const stored = samples.map(async ([sent]) => {
      const rows = await storedAfter(provisionOf(sent));
      return [sent, rows[table]?.[column]];
    });
    expect(await Promise.all(stored)).toEqual(samples);
  }

  test('for an integer', () =>
    expectStored(
      [
        [12, 12],
        ['12', 12],
        [' 12 ', 12],
        ['1_000', 1000],
        ['010', 10],
        ['+7', 7],
        [1.9, 1],
        [-0.5, 0],
        [1e3, 1000],
        ['', null],
        [null, null],
        [2_147_483_647, 2_147_483_647],
      ],
      (sent) => ({ compute_minutes: { shared_runners_minutes_limit: sent } }),
      ['namespaces', 'shared_runners_minutes_limit'],
    ));

  test('for a date', () =>
    expectStored(
      [
        ['2026-02-13', '2026-02-13'],
        ['20260213', '2026-02-13'],
        ['2026-02-13T23:59:59-11:00', '2026-02-13'],
        ['2026-02-13T00:30:00.123Z', '2026-02-13'],
        ['2028-02-29', '2028-02-29'],
        ['9999-12-31', '9999-12-31'],
        ['', null],
        [null, null],
      ],
      (sent) => ({
        storage: { additional_purchased_storage_size: 1, additional_purchased_storage_ends_on: sent },
      }),
      ['namespace_limits', 'additional_purchased_storage_ends_on'],
    ));

  test.each<[boolean | null, unknown[]]>([
    [true, [true, 1, '1', 'on', 'T', 'True', 'y', 'YES']],
    [false, [false, 0, '0', 'OFF', 'f', 'FALSE', 'N', 'no']],
    [null, ['', null]],
  ])('for a boolean: %j for %j', (stored, sent) =>
    expectStored(
      sent.map((it) => [it, stored]),
      (it) => ({ base_product: { auto_renew: it } }),
      ['gitlab_subscriptions', 'auto_renew'],
    ),
  );

  test('for the plan code null is the plan free', async () => {
    const rows = await storedAfter({ base_product: { plan_code: null } });
    expect(rows['gitlab_subscriptions']).toMatchObject({ hosted_plan_name_uid: 2 });
  });

  test('without a plan code, seats and start date is no plan, 0 and today', async () => {
    const [before] = await client.rows<{ today: string }>('SELECT current_date::text AS today');
    const rows = await storedAfter({ base_product: { auto_renew: true } });
    const [after] = await client.rows<{ today: string }>('SELECT current_date::text AS today');
    expect(rows['gitlab_subscriptions']).toMatchObject({
      hosted_plan_id: null,
      hosted_plan_name_uid: null,
      seats: 0,
    });
    expect([before?.today, after?.today]).toContain(rows['gitlab_subscriptions']?.['start_date']);
  });

  test('is only what was sent: a key that is absent leaves its column alone, null empties it', async () => {
    const id = await client.createNamespace({
      shared_runners_minutes_limit: 10,
      extra_shared_runners_minutes_limit: 20,
    });
    await client.provision(id, { compute_minutes: { extra_shared_runners_minutes_limit: 30 } });
    const rows = () => client.snapshot(id).then(({ namespaces }) => namespaces?.[0]);
    expect(await rows()).toMatchObject({
      shared_runners_minutes_limit: 10,
      extra_shared_runners_minutes_limit: 30,
    });
    await client.provision(id, { compute_minutes: { shared_runners_minutes_limit: null, unknown: 1 } });
    expect(await rows()).toMatchObject({
      shared_runners_minutes_limit: null,
      extra_shared_runners_minutes_limit: 30,
    });
  });
});

describe('values that are right as parameters and refused by the rules are 422, not 400', () => {
  test.each<[string, string, string]>([
    ['seats ""', '{"base_product":{"seats":""}}', "Gitlab subscription seats can't be blank"],
    ['start date ""', '{"base_product":{"start_date":""}}', "Gitlab subscription start date can't be blank"],
    [
      'plan ""',
      '{"base_product":{"plan_code":""}}',
      "Gitlab subscription hosted plan '' is not a known plan",
    ],
    [
      'plan 12',
      '{"base_product":{"plan_code":12}}',
      "Gitlab subscription hosted plan '12' is not a known plan",
    ],
    [
      'plan true',
      '{"base_product":{"plan_code":true}}',
      "Gitlab subscription hosted plan 'true' is not a known plan",
    ],
    [
      'seats beyond int4',
      '{"base_product":{"seats":2147483648}}',
      'Gitlab subscription seats must be less than or equal to 2147483647',
    ],
    [
      'seats beyond int8',
      '{"base_product":{"seats":1e300}}',
      'Gitlab subscription seats must be less than or equal to 2147483647',
    ],
    [
      'a hundred digits',
      `{"compute_minutes":{"shared_runners_minutes_limit":"${'9'.repeat(100)}"}}`,
      'Validation failed: Shared runners minutes limit must be less than or equal to 2147483647',
    ],
    [
      'four hundred digits below zero',
      `{"compute_minutes":{"shared_runners_minutes_limit":"-${'9'.repeat(400)}"}}`,
      'Validation failed: Shared runners minutes limit must be greater than or equal to 0',
    ],
    [
      'storage beyond 2^53',
      '{"storage":{"additional_purchased_storage_size":9007199254740993}}',
      'Namespace limit additional purchased storage size must be less than or equal to 9007199254740991',
    ],
    [
      'an infinite quantity',
      '{"add_on_purchases":{"duo_core":[{"quantity":1e400,"started_on":"2026-01-01","expires_on":"2027-01-01","purchase_xid":"A"}]}}',
      'Quantity is not a number.',
    ],
    [
      'an add-on that is no array',
      '{"add_on_purchases":{"duo_pro":{}}}',
      "'duo_pro' must be an array of objects",
    ],
  ])('%s', async (_name, provision, message) => {
    expect(messageOf(await post(client, shared, `{"provision":${provision}}`))).toBe(message);
  });
});

describe('keys that mean something to JavaScript are keys like others', () => {
  const polluted = '{"seats":5,"quantity":5,"provision":{},"base_product":{"seats":5},"status":"polluted"}';
  test.each([
    ['the root', `{"__proto__":${polluted},"constructor":{"prototype":${polluted}},"provision":{}}`],
    ['provision', `{"provision":{"__proto__":${polluted},"constructor":{"prototype":${polluted}}}}`],
    [
      'a section',
      `{"provision":{"base_product":{"__proto__":${polluted},"constructor":{"prototype":${polluted}}}}}`,
    ],
  ])('in %s they are unknown and change nothing, then or later', async (_name, body) => {
    const id = await client.createNamespace();
    const before = await client.snapshot(id);
    expect(await post(client, id, body)).toMatchObject(APPLIED);
    expect(await post(client, id, '{"provision":{}}')).toMatchObject(APPLIED);
    expect(await client.snapshot(id)).toEqual(before);
    const health = await send(client.service.apiUrl, { method: 'GET', path: '/-/liveness' });
    expect(health.text).toBe('{"status":"ok"}');
  });

  test('a provision that is only inherited is missing', async () => {
    expect(errorOf(await post(client, shared, `{"__proto__":${polluted}}`))).toBe('provision is missing');
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'valueOf'])(
    '%s is no name of an add-on',
    async (name) => {
      const send = (value: string) =>
        post(client, shared, `{"provision":{"add_on_purchases":{"${name}":${value}}}}`);
      expect(messageOf(await send('[{"quantity":1}]'))).toBe(`'${name}' is not a valid name`);
      expect(messageOf(await send(polluted))).toBe(`'${name}' must be an array of objects`);
      for (const value of ['[]', '[{"quantity":0}]', 'null']) expect((await send(value)).status).toBe(200);
    },
  );

  test('in an element of an add-on they are dropped', async () => {
    const id = await client.createNamespace();
    const element = `{"__proto__":${polluted},"constructor":{"quantity":1}}`;
    const answer = await post(client, id, `{"provision":{"add_on_purchases":{"duo_core":[${element}]}}}`);
    expect(answer.status).toBe(200);
    expect((await client.snapshot(id))['subscription_add_on_purchases']).toEqual([]);
  });

  test.each(['__proto__', 'constructor', 'toString'])('%s is no plan', async (plan) => {
    const answer = await post(client, shared, `{"provision":{"base_product":{"plan_code":"${plan}"}}}`);
    expect(messageOf(answer)).toBe(`Gitlab subscription hosted plan '${plan}' is not a known plan`);
  });
});

describe('what is long within 100 kB is answered by the rules', () => {
  test('a plan code of 95 kB', async () => {
    const plan = '🦊'.repeat(24_000);
    const answer = await postJson(client, shared, { provision: { base_product: { plan_code: plan } } });
    expect(messageOf(answer)).toBe(`Gitlab subscription hosted plan '${plan}' is not a known plan`);
  });

  test('the name of an add-on of 95 kB', async () => {
    const name = 'x'.repeat(95_000);
    const answer = await postJson(client, shared, {
      provision: { add_on_purchases: { [name]: [{ quantity: 1 }] } },
    });
    expect(messageOf(answer)).toBe(`'${name}' is not a valid name`);
  });

  test('ten thousand add-ons that nobody knows', async () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `a${index}`);
    const addOns = Object.fromEntries(names.map((name) => [name, 0]));
    const answer = await postJson(client, shared, { provision: { add_on_purchases: addOns } });
    const told = names.slice(0, 20).map((name) => `'${name}' must be an array of objects`);
    expect(messageOf(answer)).toBe(`${told.join(' ')} and 9980 more`);
  });

  test('an array of thirty thousand empty elements', async () => {
    const addOns = { duo_core: Array.from({ length: 30_000 }, () => ({})) };
    const answer = await postJson(client, shared, { provision: { add_on_purchases: addOns } });
    expect(answer.status).toBe(200);
  });
});
