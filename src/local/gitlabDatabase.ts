import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Client } from 'pg';
import { PLANS } from '../domain/catalogue';
import { createTables, gitlabFacts, type GitlabVersion } from './gitlabTables';

/** The same place seen from src/local (tests) and dist/local (compiled). */
const DEMO = path.join(__dirname, '../../sql/gitlab/demo.sql');

/** What another process does here takes a second. */
const LOCK_TIMEOUT_MS = 30_000;

/** Any number: it only has to be the same in every process that prepares the database. */
const ADVISORY_LOCK = 7_110_418;

/**
 * Makes a database look like GitLab's, for a machine that has none: the tables where they are missing, the plan
 * catalogue and a demo group. Existing rows stay as they are. One transaction; two processes take turns.
 */
export async function prepareGitlabDatabase(url: string, version: GitlabVersion = '19.5'): Promise<void> {
  const client = new Client({ connectionString: url, lock_timeout: LOCK_TIMEOUT_MS });
  client.on('error', () => undefined); // the query that is running reports it
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    const { rows } = await client.query<{ present: boolean }>(
      `SELECT to_regclass('namespaces') IS NOT NULL AS present`,
    );
    const facts = await gitlabFacts(version);
    if (rows[0]?.present !== true) await client.query(createTables(facts));
    if (Object.hasOwn(facts, 'plans')) await client.query(PLAN_ROWS);
    await client.query(await readFile(DEMO, 'utf8'));
    await client.query('COMMIT');
  } finally {
    await client.end(); // rolls back what was not committed
  }
}

const PLAN_ROWS = `
  INSERT INTO plans (name, title, plan_name_uid, created_at, updated_at)
  SELECT name, initcap(replace(name, '_', ' ')), uid, now(), now()
  FROM (VALUES ${PLANS.map(({ name, uid }) => `('${name}', ${uid})`).join(', ')}) AS plan (name, uid)
  ON CONFLICT DO NOTHING`;
