import { Client, DatabaseError } from 'pg';

/** duplicate_database, and what PostgreSQL says instead when two sessions create it at the same moment. */
const EXISTS_ALREADY = ['42P04', '23505'];

/** Creates the database unless it exists. `adminUrl` is of another database of the same server. */
export async function ensureDatabase(adminUrl: string, name: string): Promise<void> {
  const client = new Client({ connectionString: adminUrl });
  client.on('error', () => undefined); // the query that is running reports it
  await client.connect();
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } catch (error) {
    if (!(error instanceof DatabaseError && EXISTS_ALREADY.includes(error.code ?? ''))) throw error;
  } finally {
    await client.end();
  }
}
