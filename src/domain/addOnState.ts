import type { PurchaseColumns } from './addOnElement';
import type { NamespaceSettings } from './namespaceSettings';
import type { SectionPlan } from './plan';

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

/** The plan of `add_on_purchases`. */
export interface AddOnPlan extends SectionPlan {
  /**
   * Numbers of `subscription_add_ons` rows that the valid names need and that do not exist. When there are any,
   * `writes` leaves out their ids: create them and plan again (contract 4.4, rule 10).
   */
  missingAddOns: number[];
}

/** What a repeat of the same sync must know of the first time (contract 5). */
export interface AddOnMemory {
  /** By name, which add-on its row was in the end; null where nothing was done, or the name was refused. */
  rows: Record<string, number | null>;
  /** What the names were refused with; null when none was. */
  message: string | null;
}
