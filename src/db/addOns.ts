import type { AddOnPurchaseRow, AddOnState } from '../domain/addOnState';
import type { Tx } from './pool';
import { RowGone } from './rows';
import { prepared } from './statement';

// The purchases and the settings are locked. int8 as text, since JSON would round it.
const FIND = prepared(
  'find_add_on_state',
  `
  SELECT namespaces.id, namespaces.type, namespaces.organization_id,
    settings.namespace_id IS NOT NULL AS "hasSettings", settings.duo_nano_features_enabled,
    (SELECT jsonb_object_agg(name, id::text) FROM subscription_add_ons) AS "addOnIds",
    (
      SELECT jsonb_agg(purchase ORDER BY purchase.id::bigint) FROM (
        SELECT purchase.id::text AS id, purchase.subscription_add_on_id::text AS subscription_add_on_id,
          purchase.subscription_add_on_uid, purchase.quantity, purchase.started_at, purchase.expires_on,
          purchase.purchase_xid, purchase.trial, add_on.name AS add_on
        FROM subscription_add_on_purchases AS purchase
        JOIN subscription_add_ons AS add_on ON add_on.id = purchase.subscription_add_on_id
        WHERE purchase.namespace_id = $1
        FOR NO KEY UPDATE OF purchase
      ) AS purchase
    ) AS purchases
  FROM namespaces
  LEFT JOIN (
    SELECT namespace_id, duo_nano_features_enabled FROM namespace_settings WHERE namespace_id = $1 FOR NO KEY UPDATE
  ) AS settings ON true
  WHERE namespaces.id = $1`,
);

/**
 * What the rules of add-on purchases need to know of a namespace; its purchases are locked (contract 4.4).
 * @throws RowGone when the namespace was deleted meanwhile
 */
export async function findAddOnState(tx: Tx, namespaceId: string): Promise<AddOnState> {
  const { rows } = await tx.query<
    AddOnState['namespace'] & {
      hasSettings: boolean;
      duo_nano_features_enabled: boolean | null;
      addOnIds: Record<string, string> | null;
      purchases: AddOnPurchaseRow[] | null;
    }
  >(FIND(namespaceId));
  if (!rows[0]) throw new RowGone('namespaces', namespaceId);
  const { hasSettings, duo_nano_features_enabled, addOnIds, purchases, ...namespace } = rows[0];
  return {
    namespace,
    purchases: purchases ?? [],
    addOnIds: new Map(Object.entries(addOnIds ?? {}).map(([name, id]) => [Number(name), id])),
    duo_nano_features_enabled: hasSettings ? duo_nano_features_enabled : undefined,
  };
}
