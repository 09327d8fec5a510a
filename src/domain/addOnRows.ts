import type { PurchaseColumns } from './addOnElement';
import type { AddOnPurchaseRow, AddOnState } from './addOnState';
import { changedColumns } from './changedColumns';
import type { ColumnValues, Write } from './plan';

/** A purchase row as it would be after the names planned so far. */
export interface PlannedRow {
  /** The row as it is stored; null when it would be created. */
  stored: AddOnPurchaseRow | null;
  add_on: number;
  subscription_add_on_uid: number | null;
  columns: PurchaseColumns;
}

/** The rows to start from: as they are stored. */
export function plannedRows(purchases: readonly AddOnPurchaseRow[]): PlannedRow[] {
  return purchases.map((stored) => {
    const { add_on, subscription_add_on_uid } = stored;
    return { stored, add_on, subscription_add_on_uid, columns: purchaseColumns(stored) };
  });
}

/**
 * One insert per new row and one update per changed row. `missing` lists the add-ons that rows are to point to but
 * that do not exist; the id of such an add-on is '' in `writes`.
 */
export function rowWrites(
  rows: readonly PlannedRow[],
  state: AddOnState,
): { writes: Write[]; missing: number[] } {
  const missing = new Set<number>();
  const writes: Write[] = [];
  for (const { stored, add_on, subscription_add_on_uid, columns } of rows) {
    const id = stored?.add_on === add_on ? stored.subscription_add_on_id : state.addOnIds.get(add_on);
    if (id === undefined) missing.add(add_on);
    const values = { subscription_add_on_id: id ?? '', subscription_add_on_uid, ...columns };
    const write = stored === null ? insertOf(values, state) : updateOf(stored, values);
    if (Object.keys(write.values).length > 0) writes.push(write);
  }
  return { writes, missing: [...missing] };
}

function insertOf(values: ColumnValues, { namespace }: AddOnState): Write {
  const owner = { namespace_id: namespace.id, organization_id: namespace.organization_id };
  return { table: 'subscription_add_on_purchases', key: null, values: { ...owner, ...values } };
}

function updateOf(stored: AddOnPurchaseRow, values: ColumnValues): Write {
  const { subscription_add_on_id, subscription_add_on_uid } = stored;
  const before = { subscription_add_on_id, subscription_add_on_uid, ...purchaseColumns(stored) };
  const changed = changedColumns(before, values);
  return { table: 'subscription_add_on_purchases', key: { id: stored.id }, values: changed };
}

function purchaseColumns({ quantity, started_at, expires_on, purchase_xid, trial }: PurchaseColumns) {
  return { quantity, started_at, expires_on, purchase_xid, trial };
}
