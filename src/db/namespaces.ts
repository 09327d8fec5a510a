import { fitsInt8, isPrimaryKey } from '../domain/ids';
import { inOrderOf, mapped, prepared, type Statement } from './statement';

/** What the door needs to know of a namespace. `newestSyncId` is the highest one admitted, or null. */
export interface NamespaceAtDoor {
  id: string;
  type: string;
  parentId: string | null;
  organizationId: string;
  newestSyncId: number | null;
}

type Row = Omit<NamespaceAtDoor, 'newestSyncId'> & { newestSyncId: string | null };

const COLUMNS = `
  namespaces.id, namespaces.type, namespaces.parent_id AS "parentId",
  namespaces.organization_id AS "organizationId", fences.sync_id AS "newestSyncId"`;

const BY_ID = prepared(
  'find_namespace_by_id',
  `SELECT ${COLUMNS} FROM namespaces LEFT JOIN provisioning.fences ON fences.namespace_id = namespaces.id
   WHERE namespaces.id = $1 AND namespaces.type::text <> 'Project'`,
  firstOf,
);

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
  firstOf,
);

function firstOf(rows: Row[]): NamespaceAtDoor | null {
  const row = rows[0];
  return row ? { ...row, newestSyncId: row.newestSyncId === null ? null : Number(row.newestSyncId) } : null;
}

/**
 * Finds a namespace by the `:id` of a path: its primary key, or its full path in any case, e.g. `group/subgroup`
 * (contract 1.1). Rows of type `Project` are not found.
 * @returns null where no namespace can be called that
 */
export function findNamespace(id: string): Statement<NamespaceAtDoor | null> | null {
  if (isPrimaryKey(id)) return fitsInt8(id) ? BY_ID(id) : null;
  return id.isWellFormed() && !id.includes('\0') ? BY_PATH(id.split('/')) : null;
}

const HOLD = prepared(
  'hold_namespaces',
  `SELECT id, parent_id AS "parentId" FROM namespaces WHERE id = ANY ($1::bigint[]) AND type::text <> 'Project'
   ORDER BY id FOR KEY SHARE`,
  (rows: { id: string; parentId: string | null }[]) => rows,
);

/**
 * Looks at namespaces; until the transaction ends they cannot be deleted.
 * @returns in the order of the ids; null where there is none, or a project
 */
export function holdNamespaces(ids: readonly string[]): Statement<({ parentId: string | null } | null)[]> {
  return mapped(HOLD(ids), (rows) => inOrderOf(ids, rows, ({ id }) => id).map((row) => row ?? null));
}
