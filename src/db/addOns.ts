import type { AddOnPurchaseRow, AddOnState } from '../domain/addOnState';
import type { Tx } from './pool';
import { RowGone } from './rows';

/** What the rules of add-on purchases need to know of a namespace; its purchases are locked (contract 4.4). */
export async function findAddOnState(tx: Tx, namespaceId: string): Promise<AddOnState> {
  return {
    namespace: await findOwner(tx, namespaceId),
    purchases: await findPurchases(tx, namespaceId),
    addOnIds: await findAddOnIds(tx),
    duo_nano_features_enabled: await findDuoCoreChoice(tx, namespaceId),
  };
}

async function findOwner(tx: Tx, namespaceId: string): Promise<AddOnState['namespace']> {
  const { rows } = await tx.query<AddOnState['namespace']>(
    'SELECT id, type, organization_id FROM namespaces WHERE id = $1',
    [namespaceId],
  );
  if (!rows[0]) throw new RowGone('namespaces', namespaceId);
  return rows[0];
}

async function findPurchases(tx: Tx, namespaceId: string): Promise<AddOnPurchaseRow[]> {
  const { rows } = await tx.query<AddOnPurchaseRow>(
    `SELECT purchase.id, purchase.subscription_add_on_id, purchase.subscription_add_on_uid, purchase.quantity,
       purchase.started_at, purchase.expires_on, purchase.purchase_xid, purchase.trial, add_on.name AS add_on
     FROM subscription_add_on_purchases AS purchase
     JOIN subscription_add_ons AS add_on ON add_on.id = purchase.subscription_add_on_id
     WHERE purchase.namespace_id = $1 ORDER BY purchase.id
     FOR NO KEY UPDATE OF purchase`,
    [namespaceId],
  );
  return rows;
}

async function findAddOnIds(tx: Tx): Promise<Map<number, string>> {
  const { rows } = await tx.query<{ name: number; id: string }>('SELECT name, id FROM subscription_add_ons');
  return new Map(rows.map(({ name, id }) => [name, id]));
}

async function findDuoCoreChoice(tx: Tx, namespaceId: string): Promise<boolean | null | undefined> {
  const { rows } = await tx.query<{ duo_nano_features_enabled: boolean | null }>(
    'SELECT duo_nano_features_enabled FROM namespace_settings WHERE namespace_id = $1 FOR NO KEY UPDATE',
    [namespaceId],
  );
  return rows[0]?.duo_nano_features_enabled;
}
