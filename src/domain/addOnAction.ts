import type { PurchaseColumns, ReadElement } from './addOnElement';
import type { AddOnError, AddOnField } from './addOnErrors';
import type { AddOnAsked } from './addOnRequest';
import type { PlannedRow } from './addOnRows';
import { addOnsLookedUp } from './addOns';

/** What a name does: write a row (`row` is null to create it), or nothing, because all is as asked. */
export type AddOnAction = { kind: 'write'; row: PlannedRow | null } | { kind: 'nothing' };

/**
 * Contract 4.4, rules 4 and 5.
 * @param remembered which add-on the row of `name` was in the end, when the same sync was applied before; null: nothing
 *   was done; undefined: the sync is new, or did not name it
 */
export function addOnAction(
  { name, uid, first }: AddOnAsked,
  rows: readonly PlannedRow[],
  remembered: number | null | undefined,
): AddOnAction {
  if (remembered === null) return { kind: 'nothing' };
  const same = rows.find(({ stored }) => stored && stored.subscription_add_on_uid === remembered);
  if (same) return { kind: 'write', row: same };
  const found = addOnsLookedUp(name, uid).map((wanted) => rows.find((row) => row.uid === wanted));
  const row = found.find((candidate) => candidate !== undefined) ?? null;
  return first.asksForUnits || row?.uid === uid ? { kind: 'write', row } : { kind: 'nothing' };
}

/** The columns as they would be stored: what was sent over what is there (contract 4.4, rules 0, 6 and 8). */
export function resultingColumns(row: PlannedRow | null, { values }: ReadElement): Partial<PurchaseColumns> {
  return { ...(row?.columns ?? { trial: false }), ...values };
}

/** What is wrong with the row as it would be stored (contract 4.5), beside what reading the element found. */
export function rowErrors(
  { uid, first }: AddOnAsked,
  row: PlannedRow | null,
  rows: readonly PlannedRow[],
): AddOnError[] {
  const { quantity, started_at, expires_on, purchase_xid } = resultingColumns(row, first);
  // A field whose sent value is wrong says only that: it is neither missing nor what is stored.
  const wrong = new Set(first.errors.map(({ field }) => field));
  const errors: AddOnError[] = [];
  const check = (isRight: boolean, field: AddOnField, problem: string) => {
    if (!isRight && !wrong.has(field)) errors.push({ field, problem });
  };
  check(expires_on !== undefined, 'Expires on', "can't be blank");
  check(started_at !== undefined, 'Started at', "can't be blank");
  check(purchase_xid !== undefined, 'Purchase xid', "can't be blank");
  check(quantity === undefined || quantity >= 1, 'Quantity', 'must be greater than or equal to 1');
  const isTaken = rows.some((other) => other !== row && other.uid === uid);
  check(!isTaken, 'Subscription add on', 'has already been taken');
  if (started_at !== undefined && expires_on !== undefined && !wrong.has('Started at')) {
    check(expires_on >= started_at, 'Expires on', 'must be on or after started on');
  }
  return errors;
}
