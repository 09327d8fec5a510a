import type { Pool, QueryConfig } from 'pg';
import type { Tx } from './pool';
import { prepared } from './statement';

/** What the door needs to know of a namespace. `newestSyncId` is the highest one admitted, or null. */
export interface NamespaceAtDoor {
  id: string;
  type: string;
  parentId: string | null;
  organizationId: string;
  newestSyncId: number | null;
}

const COLUMNS = `
  namespaces.id, namespaces.type, namespaces.parent_id AS "parentId",
  namespaces.organization_id AS "organizationId", fences.sync_id AS "newestSyncId"`;

const SELECT_BY_ID = `
  SELECT ${COLUMNS} FROM namespaces LEFT JOIN provisioning.fences ON fences.namespace_id = namespaces.id
  WHERE namespaces.id = $1 AND namespaces.type::text <> 'Project'`;
const BY_ID = prepared('find_namespace_by_id', SELECT_BY_ID);
const HOLD = prepared('hold_namespace', `${SELECT_BY_ID} FOR KEY SHARE OF namespaces`);

// Walks down from the root, one path segment a level; the whole path must be used up. The exact spelling comes before
// any other case, as in GitLab, whose indexes are on lower(path).
const BY_PATH = prepared(
  'find_namespace_by_path',
  `
  WITH RECURSIVE walk AS (
    SELECT id, 1 AS depth, path::text = ($1::text[])[1] AS is_exact FROM namespaces
    WHERE lower(path::text) = lower(($1::text[])[1]) AND parent_id IS NULL AND type::text <> 'Project'
    UNION ALL
    SELECT child.id, depth + 1, is_exact AND child.path::text = ($1::text[])[depth + 1] FROM walk
    JOIN namespaces AS child ON child.parent_id = walk.id AND lower(child.path::text) = lower(($1::text[])[depth + 1])
    WHERE child.type::text <> 'Project'
  )
  SELECT ${COLUMNS} FROM walk JOIN namespaces USING (id)
  LEFT JOIN provisioning.fences ON fences.namespace_id = namespaces.id
  WHERE depth = pg_catalog.cardinality($1::text[]) ORDER BY is_exact DESC, namespaces.id LIMIT 1`,
);

/**
 * Finds a namespace by primary key (contract 1.1). Rows of type `Project` are not found.
 * @param id digits with an optional minus sign, within int8
 */
export function findNamespaceById(db: Pool | Tx, id: string): Promise<NamespaceAtDoor | null> {
  return findOne(db, BY_ID(id));
}

/** The same in a transaction, until the end of which the namespace cannot be deleted any more. */
export function holdNamespace(tx: Tx, id: string): Promise<NamespaceAtDoor | null> {
  return findOne(tx, HOLD(id));
}

/** Finds a namespace by full path in any case, e.g. `group` or `group/subgroup` (contract 1.1). */
export function findNamespaceByPath(db: Pool | Tx, path: string): Promise<NamespaceAtDoor | null> {
  return findOne(db, findNamespaceByPathStatement(path));
}

/** The statement of that look-up; by GitLab's indexes on `lower(path)`. */
export function findNamespaceByPathStatement(path: string): QueryConfig {
  return BY_PATH(path.split('/'));
}

async function findOne(db: Pool | Tx, statement: QueryConfig): Promise<NamespaceAtDoor | null> {
  const { rows } = await db.query<Omit<NamespaceAtDoor, 'newestSyncId'> & { newestSyncId: string | null }>(
    statement,
  );
  const row = rows[0];
  return row ? { ...row, newestSyncId: row.newestSyncId === null ? null : Number(row.newestSyncId) } : null;
}
