import type { AddOnPurchaseRow, AddOnState } from '../domain/addOnRows';
import type { GitlabSchema } from './gitlabSchema';
import { LOCKED_SETTINGS } from './namespaceSettings';
import { composed, inOrderOf, mapped, type Statement } from './statement';
import { numbered } from './subscriptions';

// The purchases and the settings are locked. int8 as text, since JSON would round it.
function textFor(schema: GitlabSchema): string {
  const hasId = schema.has('subscription_add_on_purchases', 'subscription_add_on_id');
  const hasAddOns = hasId && schema.has('subscription_add_ons');
  return `
    SELECT namespaces.id, namespaces.type, namespaces.organization_id, pg_catalog.to_jsonb(settings) AS settings,
      ${hasAddOns ? `(SELECT coalesce(pg_catalog.jsonb_object_agg(name, id::text), '{}') FROM subscription_add_ons)` : 'NULL::jsonb'} AS "addOnIds",
      (
        SELECT coalesce(pg_catalog.jsonb_agg(purchase ORDER BY purchase.id::bigint), '[]') FROM (
          SELECT id::text AS id, subscription_add_on_uid, ${hasId ? 'subscription_add_on_id::text' : 'NULL'} AS subscription_add_on_id,
            quantity, started_at, expires_on, purchase_xid, trial
          FROM subscription_add_on_purchases WHERE namespace_id = namespaces.id FOR NO KEY UPDATE
        ) AS purchase
      ) AS purchases
    FROM namespaces LEFT JOIN LATERAL (${LOCKED_SETTINGS}) AS settings ON true
    WHERE namespaces.id = ANY ($1::bigint[]) ORDER BY namespaces.id`;
}

type Row = AddOnState['namespace'] &
  Pick<AddOnState, 'settings'> & {
    addOnIds: Record<string, string> | null;
    purchases: AddOnPurchaseRow[];
  };

function stateOf({ settings, addOnIds, purchases, ...namespace }: Row): AddOnState {
  return { namespace, settings, purchases, addOnIds: addOnIds && numbered(addOnIds) };
}

/**
 * What the rules of add-on purchases need to know of namespaces; the purchases are locked (contract 4.4).
 * @returns in the order of the namespaces; undefined for one that does not exist
 */
export function findAddOnStates(
  schema: GitlabSchema,
  namespaceIds: readonly string[],
): Statement<(AddOnState | undefined)[]> {
  const find = composed(textFor(schema), [namespaceIds], (rows: Row[]) => rows.map(stateOf));
  return mapped(find, (states) => inOrderOf(namespaceIds, states, (state) => state.namespace.id));
}
