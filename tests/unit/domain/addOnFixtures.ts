import type { AddOnValue } from '../../../src/domain/addOnElement';
import { planAddOnPurchases } from '../../../src/domain/addOnPurchases';
import { ADD_ONS } from '../../../src/domain/catalogue';
import type { AddOnPlan, AddOnPurchaseRow, AddOnState } from '../../../src/domain/addOnRows';

/** What a new purchase needs. */
export const FULL = { quantity: 5, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' };

/** A stored purchase with the values of FULL; the ids are the number times 10 (add-on) and times 100 (row). */
export function purchase(uid: number, values: Partial<AddOnPurchaseRow> = {}): AddOnPurchaseRow {
  return {
    id: String(uid * 100),
    subscription_add_on_id: String(uid * 10),
    subscription_add_on_uid: uid,
    quantity: 5,
    started_at: '2026-01-01',
    expires_on: '2027-01-01',
    purchase_xid: 'A-1',
    trial: false,
    ...values,
  };
}

/** A root group with the purchases; all add-ons exist. */
export function addOnState(purchases: AddOnPurchaseRow[] = [], values: Partial<AddOnState> = {}): AddOnState {
  return {
    namespace: { id: '9', type: 'Group', organization_id: '1' },
    purchases,
    addOnIds: new Map(ADD_ONS.map(({ uid }) => [uid, String(uid * 10)])),
    settings: null,
    ...values,
  };
}

/** The plan for what is sent, on a root group with the purchases. */
export function planFor(sent: Record<string, AddOnValue>, purchases: AddOnPurchaseRow[] = []): AddOnPlan {
  return planAddOnPurchases(sent, addOnState(purchases));
}

/** The section's message; undefined when it is not refused. */
export function messageFor(
  sent: Record<string, AddOnValue>,
  purchases: AddOnPurchaseRow[] = [],
): string | undefined {
  return planFor(sent, purchases).messages[0];
}
