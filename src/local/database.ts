import { Client, DatabaseError, type ClientConfig } from 'pg';

/** Opens a connection for `work` and closes it afterwards, which rolls back what is not committed. */
export async function withClient<T>(
  url: string,
  work: (client: Client) => Promise<T>,
  settings: ClientConfig = {},
): Promise<T> {
  const client = new Client({ ...settings, connectionString: url });
  client.on('error', () => undefined); // the query that is running reports it
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** duplicate_database, and what PostgreSQL says instead when two sessions create it at the same moment. */
const EXISTS_ALREADY = ['42P04', '23505'];

/** Creates the database unless it exists. `adminUrl` is of another database of the same server. */
export async function ensureDatabase(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  }).catch((error: unknown) => {
    if (!(error instanceof DatabaseError && EXISTS_ALREADY.includes(error.code ?? ''))) throw error;
  });
}
