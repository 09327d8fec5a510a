import type { PurchaseColumns } from './addOnElement';
import type { SectionPlan } from './plan';

/** A row of `subscription_add_on_purchases` with the enum of the add-on it points to. int8 as text. */
export interface AddOnPurchaseRow extends PurchaseColumns {
  id: string;
  subscription_add_on_id: string;
  subscription_add_on_uid: number | null;
  /** `subscription_add_ons.name` of the row's `subscription_add_on_id`. */
  add_on: number;
}

/** What planAddOnPurchases needs to know of the database. */
export interface AddOnState {
  namespace: { id: string; type: string; organization_id: string };
  /** All purchase rows of the namespace, expired ones included. */
  purchases: readonly AddOnPurchaseRow[];
  /** `subscription_add_ons`: enum to id. */
  addOnIds: ReadonlyMap<number, string>;
  /** `namespace_settings.duo_nano_features_enabled`; undefined without a settings row, which is then never written. */
  duo_nano_features_enabled: boolean | null | undefined;
}

/** The plan of `add_on_purchases`. */
export interface AddOnPlan extends SectionPlan {
  /**
   * Enums of `subscription_add_ons` rows that the valid names need and that do not exist. When there are any,
   * `writes` is not usable (it holds '' for their ids): create them and plan again (contract 4.4, rule 10).
   */
  missingAddOns: number[];
}
