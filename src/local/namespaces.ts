import { Client } from 'pg';

/**
 * Makes a root group in the embedded database of GitLab's tables.
 * @returns its id; of the one that is there already, if `isNew` is false
 */
export async function createNamespace(
  url: string,
  path: string,
  name: string,
): Promise<{ id: string; isNew: boolean }> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined); // the query that is running reports it
  await client.connect();
  try {
    await client.query('BEGIN');
    // The table has no unique index of paths: two commands at once take turns.
    await client.query('LOCK TABLE namespaces IN SHARE ROW EXCLUSIVE MODE');
    const found = await client.query<{ id: string }>(
      'SELECT id FROM namespaces WHERE lower(path) = lower($1) AND parent_id IS NULL LIMIT 1',
      [path],
    );
    if (found.rows[0]) return { id: found.rows[0].id, isNew: false };
    const made = await client.query<{ id: string }>(MAKE, [name, path]);
    await client.query('COMMIT');
    return { id: made.rows[0]?.id ?? '', isNew: true };
  } finally {
    await client.end(); // rolls back what was not committed
  }
}

const MAKE = `
  WITH made AS (
    INSERT INTO namespaces (id, name, path, type, organization_id, traversal_ids, created_at, updated_at)
    SELECT drawn.id, $1, $2, 'Group', organizations.id, ARRAY[drawn.id], now(), now()
    FROM nextval('namespaces_id_seq') AS drawn (id), (SELECT min(id) AS id FROM organizations) AS organizations
    RETURNING id
  )
  INSERT INTO namespace_settings (namespace_id, created_at, updated_at)
  SELECT id, now(), now() FROM made RETURNING namespace_id AS id`;
