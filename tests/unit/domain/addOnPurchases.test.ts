import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ADD_ONS } from '../../../src/domain/catalogue';
import type { AddOnMemory, AddOnPurchaseRow } from '../../../src/domain/addOnRows';
import type { SectionPlan } from '../../../src/domain/plan';
import { addOnState, FULL, planAddOns, planFor, purchase } from './addOnFixtures';
import { events, settings } from './subscriptionFixtures';

const NOTHING = { messages: [], writes: [], followUps: [] };
const table = 'subscription_add_on_purchases';

/** The add-ons whose catalogue rows a plan creates, before anything else. */
function created({ writes }: SectionPlan) {
  const rows = writes.filter((write) => write.table === 'subscription_add_ons');
  expect(writes.slice(0, rows.length)).toEqual(rows);
  return rows.map(({ values }) => values['name']);
}

/** What was written to stored purchases: row id to values. */
function updates(plan: ReturnType<typeof planFor>) {
  expect(plan.messages).toEqual([]);
  return Object.fromEntries(plan.writes.map(({ key, values }) => [key?.['id'] ?? 'new', values]));
}

describe('create (rule 5)', () => {
  test.each<[string, number]>([
    ['duo_pro', 1],
    ['code_suggestions', 1],
    ['duo_enterprise', 3],
    ['duo_amazon_q', 4],
    ['duo_core', 5],
    ['self_hosted_dap', 6],
    ['gitlab_credits', 7],
    ['secrets_manager', 8],
    ['flex_offline', 9],
  ])('%s is stored as %d', (name, addOn) => {
    expect(planFor({ [name]: [FULL] })).toMatchObject({
      messages: [],
      writes: [
        {
          table,
          key: null,
          values: {
            namespace_id: '9',
            organization_id: '1',
            subscription_add_on_id: String(addOn * 10),
            subscription_add_on_uid: addOn,
            quantity: 5,
            started_at: '2026-01-01',
            expires_on: '2027-01-01',
            purchase_xid: 'A-1',
            trial: false,
          },
        },
      ],
      followUps: [{ event: 'refresh_user_assignments', payload: { namespace_id: '9', add_ons: [name] } }],
    });
  });

  test('every add-on of the list can be bought by each of its names', () => {
    for (const { uid, names } of ADD_ONS) {
      for (const name of names)
        expect(planFor({ [name]: [FULL] }).writes).toMatchObject([
          { values: { subscription_add_on_uid: uid } },
        ]);
    }
  });

  test('reads strings as the coercions do', () => {
    const sent = {
      quantity: '+10',
      started_on: '20260101',
      expires_on: '2027-01-01T00:00:00Z',
      purchase_xid: 7,
    };
    expect(updates(planFor({ duo_core: [{ ...sent, trial: 'yes' }] }))['new']).toMatchObject({
      quantity: 10,
      started_at: '2026-01-01',
      expires_on: '2027-01-01',
      purchase_xid: '7',
      trial: true,
    });
  });

  test('a missing add-on is created with a description, before the purchase that needs its id (rule 10)', () => {
    const plan = planAddOns({ duo_core: [FULL] }, addOnState([], { addOnIds: new Map() }));
    expect(plan.writes).toMatchObject([
      { table: 'subscription_add_ons', key: null, values: { name: 5, description: expect.any(String) } },
      { table, key: null, values: { subscription_add_on_uid: 5, subscription_add_on_id: { idOfAddOn: 5 } } },
    ]);
  });

  test('only the add-ons of valid names are created', () => {
    const sent = { duo_core: [{ ...FULL, quantity: 'x' }], gitlab_credits: [FULL] };
    expect(created(planAddOns(sent, addOnState([], { addOnIds: new Map() })))).toEqual([7]);
  });

  test('where GitLab has no list of add-ons any more, none is missing and no id is written', () => {
    const plan = planAddOns({ duo_core: [FULL] }, addOnState([], { addOnIds: null }));
    expect(created(plan)).toEqual([]);
    expect(plan.writes[0]?.values).not.toHaveProperty('subscription_add_on_id');
  });
});

describe('what is skipped', () => {
  test.each([[null], [[]], [[{}]], [[{ quantity: null }, { trial: null, started_on: null }]]])(
    'a name with %j does nothing at all (rule 1)',
    (value) => {
      expect(planFor({ duo_enterprise: value }, [purchase(3)])).toMatchObject(NOTHING);
    },
  );

  test('duo_pro, when duo_enterprise has a quantity above 0, in any order (rule 2)', () => {
    for (const quantity of [1, '1']) {
      const enterprise = { duo_enterprise: [{ ...FULL, quantity }] };
      const pro = { duo_pro: [{ ...FULL, purchase_xid: 'B' }] };
      for (const sent of [
        { ...enterprise, ...pro },
        { ...pro, ...enterprise },
      ]) {
        const plan = planFor(sent);
        expect(plan.writes).toHaveLength(1);
        expect(plan.writes[0]?.values).toMatchObject({ subscription_add_on_uid: 3, purchase_xid: 'A-1' });
        expect(plan.followUps[0]?.payload['add_ons']).toEqual(['duo_enterprise']);
      }
    }
  });

  test('not duo_pro beside a duo_enterprise that is de-provisioned (rule 2)', () => {
    const sent = { duo_enterprise: [{ expires_on: '2026-06-14' }], duo_pro: [FULL] };
    expect(planFor(sent).writes[0]?.values).toMatchObject({ subscription_add_on_uid: 1 });
    expect(planFor({ duo_enterprise: [{ quantity: 0 }], duo_pro: [FULL] }).writes).toHaveLength(1);
  });

  test('only the first duo_enterprise element decides about duo_pro (rule 2)', () => {
    const sent = { duo_enterprise: [{ quantity: 0 }, FULL], duo_pro: [FULL] };
    expect(planFor(sent).writes[0]?.values).toMatchObject({ subscription_add_on_uid: 1 });
  });

  test('the elements after the first (rule 3)', () => {
    const plan = planFor({ duo_core: [FULL, { ...FULL, quantity: 99 }] });
    expect(plan.writes).toHaveLength(1);
    expect(plan.writes[0]?.values).toMatchObject({ quantity: 5 });
  });
});

describe('update (rules 5, 6, 8)', () => {
  test('writes only what differs', () => {
    const sent = { ...FULL, quantity: 9, trial: true };
    expect(updates(planFor({ duo_core: [sent] }, [purchase(5)]))).toEqual({
      '500': { quantity: 9, trial: true },
    });
  });

  test('null and absent keys change nothing, trial included (rules 6 and 8)', () => {
    const row = purchase(5, { trial: true });
    const sent = { quantity: 9, trial: null, started_on: null, purchase_xid: null };
    expect(updates(planFor({ duo_core: [sent] }, [row]))).toEqual({ '500': { quantity: 9 } });
  });

  test('values that are stored already write nothing, but the assignments are refreshed', () => {
    const plan = planFor({ duo_core: [FULL] }, [purchase(5)]);
    expect(plan.writes).toEqual([]);
    expect(events(plan)).toEqual(['refresh_user_assignments']);
  });

  test('a de-provision entry moves the dates and keeps quantity and xid (rule 6)', () => {
    const sent = { started_on: '2026-06-14', expires_on: '2026-06-14' };
    expect(updates(planFor({ duo_pro: [sent] }, [purchase(1)]))).toEqual({
      '100': { started_at: '2026-06-14', expires_on: '2026-06-14' },
    });
  });

  test.each([null, '99999'])(
    'a row whose id is %j is found by its number; the id is written along with a change',
    (subscription_add_on_id) => {
      const row = purchase(5, { subscription_add_on_id });
      expect(updates(planFor({ duo_core: [FULL] }, [row]))).toEqual({});
      expect(updates(planFor({ duo_core: [{ quantity: 6 }] }, [row]))).toEqual({
        '500': { quantity: 6, subscription_add_on_id: '50' },
      });
    },
  );

  test('a name that is absent changes nothing, even if its row is odd (rule 7)', () => {
    const odd = purchase(2, { subscription_add_on_id: null });
    expect(updates(planFor({ duo_core: [FULL] }, [odd, purchase(5)]))).toEqual({});
  });

  test.each([
    { expires_on: '2026-06-14' },
    { quantity: 0 },
    { quantity: -3 },
    { quantity: null, trial: false },
  ])('without a row, %j is a success with nothing to do', (sent) => {
    const plan = planFor({ duo_core: [sent] });
    expect(plan).toMatchObject({ messages: [], writes: [] });
    expect(events(plan)).toEqual(['refresh_user_assignments']);
  });
});

describe('Duo Pro and Duo Enterprise share a row (rules 4 and 5)', () => {
  const toEnterprise = { subscription_add_on_id: '30', subscription_add_on_uid: 3 };
  const toPro = { subscription_add_on_id: '10', subscription_add_on_uid: 1 };

  test('a Pro row becomes Enterprise and back, same row', () => {
    expect(updates(planFor({ duo_enterprise: [FULL] }, [purchase(1)]))).toEqual({ '100': toEnterprise });
    expect(updates(planFor({ duo_pro: [FULL] }, [purchase(3)]))).toEqual({ '300': toPro });
  });

  test('expired ones included', () => {
    const expired = purchase(1, { started_at: '2020-01-01', expires_on: '2021-01-01' });
    expect(updates(planFor({ duo_enterprise: [FULL] }, [expired]))).toEqual({
      '100': { ...toEnterprise, started_at: '2026-01-01', expires_on: '2027-01-01' },
    });
  });

  test('the Enterprise row comes first', () => {
    const sent = { duo_enterprise: [{ ...FULL, quantity: 6 }] };
    expect(updates(planFor(sent, [purchase(1), purchase(3)]))).toEqual({ '300': { quantity: 6 } });
  });

  test.each([undefined, null, 0, -1])(
    'quantity %p for the add-on that the row is not: nothing to do',
    (quantity) => {
      const sent = { expires_on: '2026-06-14', ...(quantity === undefined ? {} : { quantity }) };
      expect(planFor({ duo_pro: [sent] }, [purchase(3)])).toMatchObject({ messages: [], writes: [] });
      expect(planFor({ duo_enterprise: [sent] }, [purchase(1)])).toMatchObject({ messages: [], writes: [] });
    },
  );

  test('code_suggestions looks for its own row only', () => {
    const plan = planFor({ code_suggestions: [FULL] }, [purchase(3)]);
    expect(plan.writes).toMatchObject([{ key: null, values: toPro }]);
    const own = planFor({ code_suggestions: [{ ...FULL, quantity: 6 }] }, [purchase(3), purchase(1)]);
    expect(updates(own)).toEqual({ '100': { quantity: 6 } });
  });

  test('other add-ons are not shared', () => {
    expect(planFor({ duo_core: [FULL] }, [purchase(1), purchase(3)]).writes).toMatchObject([{ key: null }]);
  });

  test('re-pointing needs the other add-on to exist (rule 10)', () => {
    const state = addOnState([purchase(1)], { addOnIds: new Map([[1, '10']]) });
    expect(created(planAddOns({ duo_enterprise: [FULL] }, state))).toEqual([3]);
  });
});

describe('names go in request order, each on the rows that the earlier ones leave (rule 3)', () => {
  test('duo_pro creates what code_suggestions then updates: one insert', () => {
    const plan = planFor({ duo_pro: [FULL], code_suggestions: [{ ...FULL, quantity: 6 }] });
    expect(plan.writes).toMatchObject([{ key: null, values: { subscription_add_on_uid: 1, quantity: 6 } }]);
    const reverse = planFor({ code_suggestions: [{ ...FULL, quantity: 6 }], duo_pro: [FULL] });
    expect(reverse.writes).toMatchObject([
      { key: null, values: { subscription_add_on_uid: 1, quantity: 5 } },
    ]);
  });

  test('what one writes and the next takes back is no write', () => {
    const plan = planFor({ duo_pro: [{ ...FULL, quantity: 6 }], code_suggestions: [FULL] }, [purchase(1)]);
    expect(plan).toMatchObject({ messages: [], writes: [] });
  });

  test('what duo_enterprise re-points, code_suggestions does not find any more', () => {
    const plan = planFor({ duo_enterprise: [FULL], code_suggestions: [FULL] }, [purchase(1)]);
    expect(plan.writes).toMatchObject([
      { key: { id: '100' }, values: { subscription_add_on_uid: 3 } },
      { key: null, values: { subscription_add_on_uid: 1 } },
    ]);
  });

  test('a refused name changes nothing for the next', () => {
    const plan = planFor({ duo_pro: [{ ...FULL, trial: 'x' }], code_suggestions: [FULL] });
    expect(plan.messages).toEqual(['Trial must be true or false.']);
    expect(plan.writes).toMatchObject([{ key: null, values: { quantity: 5 } }]);
    expect(plan.followUps[0]?.payload['add_ons']).toEqual(['code_suggestions']);
  });
});

describe('Duo Core is switched on (rule 9)', () => {
  const switchedOn = {
    table: 'namespace_settings',
    key: { namespace_id: '9' },
    values: { duo_nano_features_enabled: true },
  };
  const sent = { duo_core: [{ ...FULL, new_subscription: true }] };
  const unchosen = { settings: settings() };

  test.each([true, 1, 'true', 'yes', 'on'])(
    'by new_subscription %j where nobody chose',
    (new_subscription) => {
      const plan = planAddOns({ duo_core: [{ ...FULL, new_subscription }] }, addOnState([], unchosen));
      expect(plan.writes.at(-1)).toEqual(switchedOn);
      expect(events(plan)).toEqual(['refresh_user_assignments', 'duo_core_enabled']);
    },
  );

  test('by an update, too, also one that is stored already', () => {
    expect(planAddOns(sent, addOnState([purchase(5)], unchosen)).writes).toEqual([switchedOn]);
  });

  test('with what every write of the settings brings along', () => {
    const before = settings({ seat_control: 2, new_user_signups_cap: 5 });
    const plan = planAddOns(sent, addOnState([], { settings: before }));
    expect(plan.writes.at(-1)?.values).toEqual({
      duo_nano_features_enabled: true,
      new_user_signups_cap: null,
      prevent_sharing_groups_outside_hierarchy: true,
    });
    const capped = settings({ seat_control: 1, new_user_signups_cap: 5 });
    expect(planAddOns(sent, addOnState([], { settings: capped })).writes.at(-1)?.values).toEqual({
      duo_nano_features_enabled: true,
      prevent_sharing_groups_outside_hierarchy: true,
    });
  });

  test.each([
    ['a stored true', settings({ duo_nano_features_enabled: true })],
    ['a stored false', settings({ duo_nano_features_enabled: false })],
    ['nothing, without a settings row', null],
  ])('but never over %s', (_case, before) => {
    const plan = planAddOns(sent, addOnState([], { settings: before }));
    expect(plan.writes.map((write) => write.table)).toEqual([table]);
    expect(events(plan)).toEqual(['refresh_user_assignments']);
  });

  test.each([false, 0, 'no', '', null, 'odd', {}])('but not by new_subscription %j', (new_subscription) => {
    const plan = planAddOns({ duo_core: [{ ...FULL, new_subscription }] }, addOnState([], unchosen));
    expect(plan.messages).toEqual([]);
    expect(plan.writes.map((write) => write.table)).toEqual([table]);
  });

  test('but not with nothing to do, nor when refused, nor by another add-on', () => {
    for (const other of [
      { duo_core: [{ quantity: 0, new_subscription: true }] },
      { duo_core: [{ ...FULL, new_subscription: true, trial: 'x' }] },
      { duo_pro: [{ ...FULL, new_subscription: true }] },
    ]) {
      expect(planAddOns(other, addOnState([], unchosen)).writes).not.toContainEqual(switchedOn);
    }
  });
});

describe('the same sync again (contract 5)', () => {
  /** Applies what is sent until nothing changes by the rules of a repeat. @returns the rows and plans of each time */
  function applyTwice(sent: Parameters<typeof planAddOns>[0], purchases: AddOnPurchaseRow[]) {
    const first = planAddOns(sent, addOnState(purchases));
    const rows = stored(first, purchases);
    return { rows, again: planAddOns(sent, addOnState(rows), first.memory as AddOnMemory) };
  }

  function stored({ writes }: SectionPlan, purchases: AddOnPurchaseRow[]): AddOnPurchaseRow[] {
    const rows = purchases.map((row) => ({
      ...row,
      ...writes.find(({ key }) => key?.['id'] === row.id)?.values,
    }));
    const made = writes.filter(({ key, table: of }) => key === null && of === table);
    return [...rows, ...made.map(({ values }, n) => ({ id: `new ${n}`, ...values }))] as AddOnPurchaseRow[];
  }

  test('finds the row that a later name has re-pointed, and makes no second one', () => {
    const sent = { code_suggestions: [FULL], duo_enterprise: [{ ...FULL, quantity: 2 }] };
    const { rows, again } = applyTwice(sent, []);
    expect(rows).toMatchObject([{ subscription_add_on_uid: 3, quantity: 2 }]);
    expect(again).toMatchObject({ messages: [], writes: [], followUps: [] });
    expect(planAddOns(sent, addOnState(rows)).writes).not.toEqual([]);
  });

  test('refuses again what was refused, though its row is there by now', () => {
    const sent = { duo_pro: [{ quantity: 5, trial: true }], code_suggestions: [FULL] };
    const { again } = applyTwice(sent, []);
    expect(again).toMatchObject({
      messages: ["Expires on can't be blank, Started at can't be blank, and Purchase xid can't be blank."],
      writes: [],
      followUps: [],
    });
  });

  test('is applied to what another writer has changed since', () => {
    const sent = { duo_core: [FULL] };
    const first = planAddOns(sent, addOnState([]));
    const changed = stored(first, []).map((row) => ({ ...row, quantity: 9 }));
    const again = planAddOns(sent, addOnState(changed), first.memory as AddOnMemory);
    expect(again.writes).toMatchObject([{ values: { quantity: 5 } }]);
  });

  test('leaves exactly the rows of the first time, whatever was sent and stored', () => {
    const element = fc.record(
      {
        quantity: fc.integer({ min: -1, max: 3 }),
        started_on: fc.constant('2026-01-01'),
        expires_on: fc.constantFrom('2026-06-01', '2027-01-01'),
        purchase_xid: fc.constantFrom('A', 'B'),
        trial: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    const name = fc.constantFrom('duo_pro', 'code_suggestions', 'duo_enterprise', 'duo_core', 'unknown');
    fc.assert(
      fc.property(
        fc.dictionary(name, fc.array(element, { maxLength: 2 })),
        fc.subarray([1, 3, 5]),
        (sent, uids) => {
          const { rows, again } = applyTwice(
            sent,
            uids.map((uid) => purchase(uid)),
          );
          expect(again).toMatchObject({ writes: [], followUps: [] });
          expect(again.messages).toEqual(
            planAddOns(sent, addOnState(uids.map((uid) => purchase(uid)))).messages,
          );
          expect(rows).toHaveLength(new Set(rows.map((row) => row.subscription_add_on_uid)).size);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
