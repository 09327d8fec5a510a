import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AddOnElement, AddOnValue } from '../../../src/domain/addOnElement';
import { planAddOnPurchases } from '../../../src/domain/addOnPurchases';
import { parseProvision } from '../../../src/domain/provision';
import { anyProvision } from './anyProvision';
import { addOnState, FULL, messageFor, planFor, purchase } from './addOnFixtures';

describe('messages of one add-on (contract 4.5)', () => {
  test.each<[AddOnElement, string]>([
    [{ quantity: 0 }, 'Quantity must be greater than or equal to 1.'],
    [{ quantity: -1 }, 'Quantity must be greater than or equal to 1.'],
  ])('%j on an existing row: %s', (element, message) => {
    expect(messageFor({ duo_core: [element] }, [purchase(5)])).toBe(message);
  });

  test.each<[AddOnElement, string]>([
    [{ quantity: 1.5 }, 'Quantity must be an integer.'],
    [{ quantity: '1.5' }, 'Quantity must be an integer.'],
    [{ quantity: '1e3' }, 'Quantity must be an integer.'],
    [{ quantity: ' 12 ' }, 'Quantity must be an integer.'],
    [{ quantity: '1_000' }, 'Quantity must be an integer.'],
    [{ quantity: '12\n' }, 'Quantity must be an integer.'],
    [{ quantity: '.5' }, 'Quantity must be an integer.'],
    [{ quantity: 'abc' }, 'Quantity is not a number.'],
    [{ quantity: '12abc' }, 'Quantity is not a number.'],
    [{ quantity: '0x1A' }, 'Quantity is not a number.'],
    [{ quantity: 'e5' }, 'Quantity is not a number.'],
    [{ quantity: '1__0' }, 'Quantity is not a number.'],
    [{ quantity: '\u00a012' }, 'Quantity is not a number.'],
    [{ quantity: '\uff11' }, 'Quantity is not a number.'],
    [{ quantity: true }, 'Quantity is not a number.'],
    [{ quantity: {} }, 'Quantity is not a number.'],
    [{ quantity: '' }, "Quantity can't be blank and Quantity is not a number."],
    [{ quantity: ' \u0085' }, "Quantity can't be blank and Quantity is not a number."],
    [{ quantity: 2147483648 }, 'Quantity must be less than or equal to 2147483647.'],
    [{ quantity: '99999999999999999999' }, 'Quantity must be less than or equal to 2147483647.'],
    [{ purchase_xid: '' }, "Purchase xid can't be blank."],
    [{ purchase_xid: '  ' }, "Purchase xid can't be blank."],
    [{ purchase_xid: '\u0085\u00a0\u3000' }, "Purchase xid can't be blank."],
    [{ purchase_xid: 'x'.repeat(256) }, 'Purchase xid is too long (maximum is 255 characters).'],
    [{ purchase_xid: {} }, 'Purchase xid is invalid.'],
    [{ started_on: '' }, "Started at can't be blank."],
    [{ expires_on: '' }, "Expires on can't be blank."],
    [{ started_on: 'soon' }, 'Started at is not a valid date.'],
    [{ started_on: 20260101 }, 'Started at is not a valid date.'],
    [{ expires_on: '2026-02-30' }, 'Expires on is not a valid date.'],
    [{ trial: 'maybe' }, 'Trial must be true or false.'],
    [{ trial: '' }, 'Trial must be true or false.'],
    [{ trial: {} }, 'Trial must be true or false.'],
  ])('%j: %s — on create, on update, and in elements that are not used', (wrong, message) => {
    expect(messageFor({ duo_core: [{ ...FULL, ...wrong }] })).toBe(message);
    expect(messageFor({ duo_core: [{ ...FULL, ...wrong }] }, [purchase(5)])).toBe(message);
    expect(messageFor({ duo_core: [FULL, wrong] })).toBe(message);
    expect(messageFor({ duo_core: [FULL, wrong, wrong] })).toBe(message);
    expect(messageFor({ duo_enterprise: [FULL], duo_pro: [wrong] })).toBe(message);
  });

  test('a negative quantity is fine where it is not stored', () => {
    expect(messageFor({ duo_core: [FULL, { quantity: -1 }] })).toBeUndefined();
    expect(messageFor({ duo_core: [{ quantity: -1 }] })).toBeUndefined();
  });

  test('255 characters are counted as PostgreSQL counts them', () => {
    expect(messageFor({ duo_core: [{ ...FULL, purchase_xid: '😀'.repeat(255) }] })).toBeUndefined();
  });

  test('purchase_xid missing on create, and only there', () => {
    const { purchase_xid: _missing, ...sent } = FULL;
    expect(messageFor({ duo_core: [sent] })).toBe("Purchase xid can't be blank.");
    expect(messageFor({ duo_core: [{ ...sent, purchase_xid: null }] })).toBe("Purchase xid can't be blank.");
    expect(messageFor({ duo_core: [sent] }, [purchase(5)])).toBeUndefined();
  });

  test('dates missing on create', () => {
    expect(messageFor({ duo_core: [{ quantity: 1, purchase_xid: 'A' }] })).toBe(
      "Expires on can't be blank and Started at can't be blank.",
    );
  });

  test('expires_on before started_on, judged on the row as it would be stored', () => {
    const message = 'Expires on must be on or after started on.';
    expect(messageFor({ duo_core: [{ ...FULL, expires_on: '2025-12-31' }] })).toBe(message);
    expect(messageFor({ duo_core: [{ expires_on: '2025-12-31' }] }, [purchase(5)])).toBe(message);
    expect(messageFor({ duo_core: [{ started_on: '2027-01-02' }] }, [purchase(5)])).toBe(message);
    expect(messageFor({ duo_core: [{ ...FULL, expires_on: '2026-01-01' }] })).toBeUndefined();
    expect(messageFor({ duo_core: [FULL, { ...FULL, expires_on: '2025-12-31' }] })).toBeUndefined();
  });

  test('a wrong date is not compared with the stored one', () => {
    const sent = { started_on: 'soon', expires_on: '2025-12-31' };
    expect(messageFor({ duo_core: [sent] }, [purchase(5)])).toBe('Started at is not a valid date.');
  });

  test('a Pro and an Enterprise row side by side, and one asked to become the other', () => {
    expect(messageFor({ duo_pro: [FULL] }, [purchase(1), purchase(3)])).toBe(
      'Subscription add on has already been taken.',
    );
  });

  test('several errors: one sentence in the order in which GitLab judges the fields', () => {
    const wrong = { quantity: 1.5, trial: 'x', purchase_xid: '', started_on: 'soon' };
    expect(messageFor({ duo_core: [wrong] })).toBe(
      "Expires on can't be blank, Started at is not a valid date, Quantity must be an integer, " +
        "Purchase xid can't be blank, and Trial must be true or false.",
    );
    expect(messageFor({ duo_core: [{ quantity: 5 }] })).toBe(
      "Expires on can't be blank, Started at can't be blank, and Purchase xid can't be blank.",
    );
  });

  test('a character that only JavaScript takes for white space is a value', () => {
    expect(messageFor({ duo_core: [{ ...FULL, purchase_xid: '\ufeff' }] })).toBeUndefined();
  });
});

describe('messages of the section (contract 4.5)', () => {
  test.each<[AddOnValue]>([[[FULL]], [[{ quantity: 1 }]], [[{ quantity: '12abc' }]]])(
    'an unknown add-on that asks for units is refused: %j',
    (value) => {
      expect(messageFor({ future_feature: value })).toBe("'future_feature' is not a valid name");
    },
  );

  test.each<[AddOnValue]>([
    [null],
    [[]],
    [[{}]],
    [[{ quantity: 0 }]],
    [[{ quantity: -1 }]],
    [[{ expires_on: '2026-01-01' }]],
    [[{ quantity: 0 }, FULL]],
  ])('an unknown add-on that asks for none is nothing to do: %j', (value) => {
    const plan = planFor({ future_feature: value, duo_core: [FULL] });
    expect(plan.messages).toEqual([]);
    expect(plan.writes).toHaveLength(1);
  });

  test('after twenty unknown names the others are counted', () => {
    const names = Array.from({ length: 53 }, (_, n) => `feature_${n}`);
    const sent = Object.fromEntries(names.map((name) => [name, [FULL]]));
    const message = messageFor({ ...sent, duo_core: [{ ...FULL, trial: 'x' }] }) ?? '';
    expect(message.match(/is not a valid name/g)).toHaveLength(20);
    expect(message).toMatch(/'feature_19' is not a valid name and 33 more Trial must be true or false\.$/);
  });

  test.each(['__proto__', 'constructor', 'toString', ''])('%j is no add-on', (name) => {
    const sent = Object.fromEntries([[name, [FULL]]]);
    expect(messageFor(sent)).toBe(`'${name}' is not a valid name`);
  });

  test.each<[AddOnValue]>([['x'], [1], [true], [''], [{}]])('%j is not an array of objects', (value) => {
    expect(messageFor({ duo_pro: value })).toBe("'duo_pro' must be an array of objects");
    expect(messageFor({ duo_pro: value, duo_enterprise: [FULL] })).toBe(
      "'duo_pro' must be an array of objects",
    );
  });

  test('add-ons in request order, joined by one space, in one string', () => {
    const sent = {
      gitlab_credits: [{ ...FULL, trial: 'x' }],
      future_feature: [FULL],
      duo_core: 'x',
      duo_amazon_q: [{ ...FULL, quantity: 'x', expires_on: '' }],
    };
    expect(planFor(sent).messages).toEqual([
      "Trial must be true or false. 'future_feature' is not a valid name 'duo_core' must be an array of objects " +
        "Expires on can't be blank and Quantity is not a number.",
    ]);
  });

  describe('a namespace that is no group', () => {
    const user = addOnState([], { namespace: { id: '9', type: 'User', organization_id: '1' } });

    test('is said once, in the first add-on that would write', () => {
      const sent = {
        self_hosted_dap: [{ quantity: 0 }],
        duo_core: [{ ...FULL, trial: 'x' }],
        duo_pro: [FULL],
        gitlab_credits: [{ ...FULL, quantity: 0.5 }],
        secrets_manager: [{ ...FULL, purchase_xid: '' }],
      };
      expect(planAddOnPurchases(sent, user)).toMatchObject({
        messages: [
          'Namespace is invalid and Trial must be true or false. Quantity must be an integer. ' +
            "Purchase xid can't be blank.",
        ],
        writes: [],
        followUps: [{ event: 'refresh_user_assignments', payload: { add_ons: ['self_hosted_dap'] } }],
      });
    });

    test('is alone the whole message', () => {
      expect(planAddOnPurchases({ duo_pro: [FULL], duo_core: [FULL] }, user)).toMatchObject({
        messages: ['Namespace is invalid.'],
        writes: [],
        followUps: [],
        missingAddOns: [],
      });
    });

    test('is no matter while there is nothing to do', () => {
      expect(planAddOnPurchases({ duo_pro: [], duo_core: [{ quantity: 0 }] }, user).messages).toEqual([]);
    });
  });

  test('valid names keep their writes and follow-ups beside refused ones', () => {
    const plan = planFor({ future_feature: [FULL], duo_core: [FULL] });
    expect(plan.messages).toHaveLength(1);
    expect(plan.writes).toHaveLength(1);
    expect(plan.followUps).toHaveLength(1);
  });

  test('without a valid name there are neither', () => {
    expect(planFor({ duo_core: [{ ...FULL, quantity: 'x' }] })).toMatchObject({ writes: [], followUps: [] });
  });
});

test('whatever is sent, what is written fits the table', () => {
  fc.assert(
    fc.property(anyProvision(), fc.subarray([1, 3, 5]), (value, stored) => {
      const parsed = parseProvision(value);
      if (!parsed.ok || !parsed.provision.add_on_purchases) return;
      const plan = planFor(
        parsed.provision.add_on_purchases,
        stored.map((addOn) => purchase(addOn)),
      );
      for (const { values } of plan.writes) {
        for (const written of Object.values(values)) expect(written).toBeDefined();
        const { quantity, purchase_xid } = values;
        if (typeof quantity === 'number') expect(quantity >= 1 && quantity < 2 ** 31).toBe(true);
        if (typeof purchase_xid === 'string') expect([...purchase_xid].length).toBeLessThanOrEqual(255);
      }
    }),
    { numRuns: 300 },
  );
});
