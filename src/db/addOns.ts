import type { AddOnPurchaseRow, AddOnState } from '../domain/addOnState';
import type { GitlabSchema } from './gitlabSchema';
import { LOCKED_SETTINGS } from './namespaceSettings';
import type { Tx } from './pool';
import { RowGone } from './rows';
import { made } from './statement';

// The purchases and the settings are locked. int8 as text, since JSON would round it.
function find(schema: GitlabSchema, namespaceId: string) {
  const hasId = schema.has('subscription_add_on_purchases', 'subscription_add_on_id');
  const hasAddOns = hasId && schema.has('subscription_add_ons');
  return made(
    `
    SELECT namespaces.id, namespaces.type, namespaces.organization_id, pg_catalog.to_jsonb(settings) AS settings,
      ${hasAddOns ? `(SELECT coalesce(pg_catalog.jsonb_object_agg(name, id::text), '{}') FROM subscription_add_ons)` : 'NULL::jsonb'} AS "addOnIds",
      (
        SELECT coalesce(pg_catalog.jsonb_agg(purchase ORDER BY purchase.id::bigint), '[]') FROM (
          SELECT id::text AS id, subscription_add_on_uid, ${hasId ? 'subscription_add_on_id::text' : 'NULL'} AS subscription_add_on_id,
            quantity, started_at, expires_on, purchase_xid, trial
          FROM subscription_add_on_purchases WHERE namespace_id = $1 FOR NO KEY UPDATE
        ) AS purchase
      ) AS purchases
    FROM namespaces LEFT JOIN (${LOCKED_SETTINGS}) AS settings ON true
    WHERE namespaces.id = $1`,
    [namespaceId],
  );
}

/**
 * What the rules of add-on purchases need to know of a namespace; its purchases are locked (contract 4.4).
 * @throws RowGone when the namespace was deleted meanwhile
 */
export async function findAddOnState(tx: Tx, schema: GitlabSchema, namespaceId: string): Promise<AddOnState> {
  const { rows } = await tx.query<
    AddOnState['namespace'] &
      Pick<AddOnState, 'settings'> & {
        addOnIds: Record<string, string> | null;
        purchases: AddOnPurchaseRow[];
      }
  >(find(schema, namespaceId));
  if (!rows[0]) throw new RowGone('namespaces', namespaceId);
  const { settings, addOnIds, purchases, ...namespace } = rows[0];
  return {
    namespace,
    settings,
    purchases,
    addOnIds: addOnIds && new Map(Object.entries(addOnIds).map(([uid, id]) => [Number(uid), id])),
  };
}
