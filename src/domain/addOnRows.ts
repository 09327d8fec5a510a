import type { PurchaseColumns } from './addOnElement';
import type { AddOnPurchaseRow, AddOnState } from './addOnState';
import { changedColumns } from './changedColumns';
import type { ColumnValues, Write } from './plan';

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
 * One insert per new row and one update per changed row. The id of the add-on is written along, where its table and
 * row exist. `missing` lists the add-ons that rows are to point to but that do not exist.
 */
export function rowWrites(
  rows: readonly PlannedRow[],
  state: AddOnState,
): { writes: Write[]; missing: number[] } {
  const missing = new Set<number>();
  const writes: Write[] = [];
  for (const { stored, uid, columns } of rows) {
    const values = { subscription_add_on_uid: uid, ...columns };
    const changed = stored ? changedColumns(valuesOf(stored), values) : values;
    if (Object.keys(changed).length === 0) continue;
    const id = state.addOnIds?.get(uid);
    if (id === undefined && state.addOnIds) missing.add(uid);
    const along = id === undefined ? {} : { subscription_add_on_id: id };
    writes.push(stored ? updateOf(stored, changed, along) : insertOf({ ...along, ...changed }, state));
  }
  return { writes, missing: [...missing] };
}

function insertOf(values: ColumnValues, { namespace }: AddOnState): Write {
  const owner = { namespace_id: namespace.id, organization_id: namespace.organization_id };
  return { table: 'subscription_add_on_purchases', key: null, values: { ...owner, ...values } };
}

function updateOf(stored: AddOnPurchaseRow, changed: ColumnValues, along: ColumnValues): Write {
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
