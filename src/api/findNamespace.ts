import type { Pool } from 'pg';
import { findNamespaceById, findNamespaceByPath, type NamespaceAtDoor } from '../db/namespaces';
import type { Tx } from '../db/pool';
import { fitsInt8, isPrimaryKey } from '../domain/ids';

/** Finds a namespace by the `:id` of a path: its primary key or its full path (contract 1.1). */
export async function findNamespace(db: Pool | Tx, id: string): Promise<NamespaceAtDoor | null> {
  if (isPrimaryKey(id)) return fitsInt8(id) ? findNamespaceById(db, id) : null;
  return id.isWellFormed() && !id.includes('\0') ? findNamespaceByPath(db, id) : null;
}
