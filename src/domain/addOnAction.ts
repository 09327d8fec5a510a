import type { PurchaseColumns, ReadElement } from './addOnElement';
import type { AddOnError, AddOnField } from './addOnErrors';
import { addOnsLookedUp } from './addOnNames';
import type { PlannedRow } from './addOnRows';

/** What a name does: write a row (`row` is null to create it), or nothing, because all is as asked. */
export type AddOnAction = { kind: 'write'; row: PlannedRow | null } | { kind: 'nothing' };

/** Contract 4.4, rules 4 and 5. `addOn` is the enum of `name`. */
export function addOnAction(
  name: string,
  addOn: number,
  asksForUnits: boolean,
  rows: readonly PlannedRow[],
): AddOnAction {
  const found = addOnsLookedUp(name, addOn).map((wanted) => rows.find(({ add_on }) => add_on === wanted));
  const row = found.find((candidate) => candidate !== undefined) ?? null;
  return asksForUnits || row?.add_on === addOn ? { kind: 'write', row } : { kind: 'nothing' };
}

/** The columns as they would be stored: what was sent over what is there (contract 4.4, rules 0, 6 and 8). */
export function resultingColumns(row: PlannedRow | null, { values }: ReadElement): Partial<PurchaseColumns> {
  return { ...(row?.columns ?? { trial: false }), ...values };
}

/** What is wrong with the row as it would be stored (contract 4.5), beside what reading the element found. */
export function rowErrors(
  addOn: number,
  row: PlannedRow | null,
  read: ReadElement,
  rows: readonly PlannedRow[],
): AddOnError[] {
  const { quantity, started_at, expires_on, purchase_xid } = resultingColumns(row, read);
  // A field whose sent value is wrong says only that: it is neither missing nor what is stored.
  const wrong = new Set(read.errors.map(({ field }) => field));
  const errors: AddOnError[] = [];
  const check = (isRight: boolean, field: AddOnField, problem: string) => {
    if (!isRight && !wrong.has(field)) errors.push({ field, problem });
  };
  check(expires_on !== undefined, 'Expires on', "can't be blank");
  check(started_at !== undefined, 'Started at', "can't be blank");
  check(purchase_xid !== undefined, 'Purchase xid', "can't be blank");
  check(quantity === undefined || quantity >= 1, 'Quantity', 'must be greater than or equal to 1');
  const isTaken = rows.some((other) => other !== row && other.add_on === addOn);
  check(!isTaken, 'Subscription add on', 'has already been taken');
  if (started_at !== undefined && expires_on !== undefined && !wrong.has('Started at')) {
    check(expires_on >= started_at, 'Expires on', 'must be on or after started on');
  }
  return errors;
}
