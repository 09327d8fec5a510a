import type { PurchaseColumns, ReadElement, AddOnError, AddOnField } from './addOnElement';
import type { NamespaceSettings } from './namespaceSettings';
import { changedColumns, type ColumnValues, type Write } from './plan';
import type { AddOnAsked } from './addOnRequest';
import { addOnDescription, addOnsLookedUp } from './catalogue';

/** A row of `subscription_add_on_purchases`. int8 as text. */
export interface AddOnPurchaseRow extends PurchaseColumns {
  id: string;
  /** The number of the add-on, which says what the row is (contract 4.4, rule 4). */
  subscription_add_on_uid: number;
  /** Only written along; null also where the table has no such column any more (contract 7). */
  subscription_add_on_id: string | null;
}

/** What planAddOnPurchases needs to know of the database. */
export interface AddOnState {
  namespace: { id: string; type: string; organization_id: string };
  /** All purchase rows of the namespace, expired ones included. */
  purchases: readonly AddOnPurchaseRow[];
  /** `subscription_add_ons`: number to id; null where there is no such table any more. */
  addOnIds: ReadonlyMap<number, string> | null;
  /** Null without a settings row, which is then never written. */
  settings: NamespaceSettings | null;
}

/** What a repeat of the same sync must know of the first time (contract 5). */
export interface AddOnMemory {
  /** By name, which add-on its row was in the end; null where nothing was done, or the name was refused. */
  rows: Record<string, number | null>;
  /** What the names were refused with; null when none was. */
  message: string | null;
}

/** A purchase row as it would be after the names planned so far. */
export interface PlannedRow {
  /** The row as it is stored; null when it would be created. */
  stored: AddOnPurchaseRow | null;
  uid: number;
  columns: PurchaseColumns;
}

/** The rows to start from: as they are stored. */
export function plannedRows(purchases: readonly AddOnPurchaseRow[]): PlannedRow[] {
  return purchases.map((stored) => ({
    stored,
    uid: stored.subscription_add_on_uid,
    columns: purchaseColumns(stored),
  }));
}

/**
 * One insert per new row and one update per changed row, after those of the catalogue rows that they need (contract 4.4,
 * rule 10). The id of the add-on is written along where its table exists.
 */
export function rowWrites(rows: readonly PlannedRow[], state: AddOnState): Write[] {
  const missing = new Set<number>();
  const writes: Write[] = [];
  for (const { stored, uid, columns } of rows) {
    const values = { subscription_add_on_uid: uid, ...columns };
    const changed = stored ? changedColumns(valuesOf(stored), values) : values;
    if (Object.keys(changed).length === 0) continue;
    const id = state.addOnIds?.get(uid);
    if (id === undefined && state.addOnIds) missing.add(uid);
    const along = state.addOnIds ? { subscription_add_on_id: id ?? { idOfAddOn: uid } } : {};
    writes.push(stored ? updateOf(stored, changed, along) : insertOf({ ...along, ...changed }, state));
  }
  return [...[...missing].map(catalogueRow), ...writes];
}

function catalogueRow(uid: number): Write {
  return {
    table: 'subscription_add_ons',
    key: null,
    values: { name: uid, description: addOnDescription(uid) },
  };
}

function insertOf(values: Write['values'], { namespace }: AddOnState): Write {
  const owner = { namespace_id: namespace.id, organization_id: namespace.organization_id };
  return { table: 'subscription_add_on_purchases', key: null, values: { ...owner, ...values } };
}

function updateOf(stored: AddOnPurchaseRow, changed: ColumnValues, along: Write['values']): Write {
  const { id, subscription_add_on_id } = stored;
  const values = { ...changedColumns({ subscription_add_on_id }, along), ...changed };
  return { table: 'subscription_add_on_purchases', key: { id }, values };
}

function valuesOf(stored: AddOnPurchaseRow): ColumnValues {
  return { subscription_add_on_uid: stored.subscription_add_on_uid, ...purchaseColumns(stored) };
}

function purchaseColumns({ quantity, started_at, expires_on, purchase_xid, trial }: PurchaseColumns) {
  return { quantity, started_at, expires_on, purchase_xid, trial };
}

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
