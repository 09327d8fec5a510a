import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { testEnvironment } from '../../../support/environment';

const ROOT = path.join(__dirname, '../../../..');

/** What an operator does before the first start: migrates as the owner, and grants what `deploy/sql` has. */
export async function migrateAndGrant(
  ownerUrl: string,
  variable: 'GITLAB_DATABASE_URL' | 'CUSTOMERS_DOT_DATABASE_URL',
): Promise<void> {
  await promisify(execFile)(process.execPath, [path.join(ROOT, 'dist/cli/main.js'), 'migrate'], {
    env: { [variable]: ownerUrl },
  });
  await grant(ownerUrl, variable === 'GITLAB_DATABASE_URL' ? 'gitlab.sql' : 'customers_dot.sql');
}

/** Carries out a file of `deploy/sql`. */
export async function grant(ownerUrl: string, file: string): Promise<void> {
  const grants = await readFile(path.join(ROOT, 'deploy/sql', file), 'utf8');
  const twice = [grants, grants]; // again changes nothing
  await oneAtATime(() => execute(ownerUrl, twice));
}

/** Makes a login that has only what its role has. @returns the database's URL with it */
export async function createLogin(ownerUrl: string, role: string, login: string): Promise<string> {
  await oneAtATime(() => execute(ownerUrl, [`CREATE ROLE ${login} LOGIN PASSWORD 'secret' IN ROLE ${role}`]));
  const url = new URL(ownerUrl);
  [url.username, url.password] = [login, 'secret'];
  return url.href;
}

/** Runs statements, one after the other, on a connection of their own. */
export async function execute(url: string, statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Roles belong to the whole server, and PostgreSQL refuses changes that meet. Test files run side by side. */
async function oneAtATime(work: () => Promise<void>): Promise<void> {
  const lock = new Client({ connectionString: testEnvironment().adminUrl });
  await lock.connect();
  try {
    await lock.query('SELECT pg_advisory_lock(1)');
    await work();
  } finally {
    await lock.end();
  }
}
