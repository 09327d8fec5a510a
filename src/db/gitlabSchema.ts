import type { Pool } from 'pg';
import { lookUpTables } from './gitlabLookUp';
import { GITLAB_TABLES } from './gitlabTables';
import { databaseFailure } from './sqlState';

/** Which of the tables and columns that GitLab is about to remove are still there (contract 7). */
export interface GitlabSchema {
  has(table: string, column?: string): boolean;
}

const MAX_AGE_MS = 60_000;

/**
 * What is known of GitLab's schema. GitLab changes it while the service runs: it is looked at again after a minute, and
 * at once after a statement has failed on it.
 */
export class SchemaCache {
  private known: { schema: Promise<GitlabSchema>; at: number } | undefined;

  constructor(private readonly pool: Pool) {}

  /** @throws the database's error while it cannot be had */
  current(): Promise<GitlabSchema> {
    const now = performance.now();
    if (!this.known || now - this.known.at > MAX_AGE_MS) {
      const schema = readGitlabSchema(this.pool);
      this.known = { schema, at: now };
      schema.catch(() => this.forget());
    }
    return this.known.schema;
  }

  /** Runs `work`, and once more if it met tables that GitLab has changed. */
  async use<T>(work: (schema: GitlabSchema) => Promise<T>): Promise<T> {
    try {
      return await work(await this.current());
    } catch (error) {
      if (databaseFailure(error)?.class !== 'schema') throw error;
      this.forget();
      return work(await this.current());
    }
  }

  /** The next caller looks again. */
  forget(): void {
    this.known = undefined;
  }
}

async function readGitlabSchema(pool: Pool): Promise<GitlabSchema> {
  const tables = await lookUpTables(pool, Object.keys(GITLAB_TABLES));
  return {
    has: (table, column) =>
      column === undefined ? tables.has(table) : (tables.get(table)?.columns.has(column) ?? false),
  };
}
