import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Pool, PoolClient } from 'pg';
import type { StatementTap } from './statementTap';

const FOLDER = path.join(__dirname, '../../../../deploy/sql');

/** The files of `deploy/sql`, each with the roles that it grants something to. */
export function grantFiles(): Record<string, string[]> {
  const rolesOf = (file: string) => {
    const text = readFileSync(path.join(FOLDER, file), 'utf8').replace(/--.*/g, '');
    return [
      ...new Set([...text.matchAll(/^\s*(?:GRANT|ON)\b[^;]*?\bTO (\w+);/gm)].map(([, role = '']) => role)),
    ];
  };
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.sql'));
  return Object.fromEntries(files.map((file) => [file, rolesOf(file).sort()]));
}

/** What a role was granted in this database: what REVOKE takes, and the name of what it is about. */
export interface Grant {
  privilege: string;
  about: string;
}

/** Every grant of a role: on tables, columns, sequences, schemas, and membership of another role. */
export async function grantsOf(db: Pool, role: string): Promise<Grant[]> {
  const { rows } = await db.query<Grant>(GRANTS, [role]);
  return rows;
}

const GRANTS = `
  SELECT format('%s ON %s %s FROM %I', privilege_type, CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
    pg_class.oid::regclass, rolname) AS privilege, relname AS about
  FROM pg_class, aclexplode(relacl) JOIN pg_roles ON pg_roles.oid = grantee WHERE rolname = $1
  UNION ALL
  SELECT format('%s (%I) ON %s FROM %I', privilege_type, attname, attrelid::regclass, rolname), relname
  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, aclexplode(attacl)
  JOIN pg_roles ON pg_roles.oid = grantee WHERE rolname = $1
  UNION ALL
  SELECT format('%s ON SCHEMA %I FROM %I', privilege_type, nspname, rolname), nspname
  FROM pg_namespace, aclexplode(nspacl) JOIN pg_roles ON pg_roles.oid = grantee WHERE rolname = $1
  UNION ALL
  SELECT format('%I FROM %I', roleid::regrole, rolname), '' FROM pg_auth_members
  JOIN pg_roles ON pg_roles.oid = member WHERE rolname = $1
  ORDER BY 1`;

/**
 * Takes each grant from a role in turn, and carries out what a part was seen to do, all of which is rolled back.
 * @returns the grants without which nothing is refused
 * @throws when a statement is refused with all grants
 */
export async function needlessGrants(
  db: Pool,
  role: string,
  grants: Grant[],
  { statements }: Pick<StatementTap, 'statements'>,
): Promise<string[]> {
  const seen = [...statements].filter(([text]) => /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/i.test(text));
  const admin = await db.connect();
  try {
    const refused = await refusedWithout(admin, role, null, seen);
    if (refused !== null) throw new Error(`refused to ${role}: ${refused}`);
    const needless: string[] = [];
    for (const { privilege, about } of grants) {
      // What names the object is the most likely to be refused.
      const likelyFirst = seen.toSorted(([a], [b]) => Number(b.includes(about)) - Number(a.includes(about)));
      if ((await refusedWithout(admin, role, privilege, likelyFirst)) === null) needless.push(privilege);
    }
    return needless;
  } finally {
    admin.release();
  }
}

/** The first statement that the role may not carry out without a privilege; null: it may do all. */
async function refusedWithout(
  admin: PoolClient,
  role: string,
  privilege: string | null,
  statements: [string, (string | null)[]][],
): Promise<string | null> {
  await admin.query('BEGIN');
  try {
    if (privilege !== null) await admin.query(`REVOKE ${privilege}`);
    await admin.query(`SET LOCAL ROLE ${role}; SET LOCAL lock_timeout = '1s'`);
    for (const [text, values] of statements) {
      await admin.query('SAVEPOINT before');
      const code = await admin.query(text, values).then(
        () => null,
        (error: { code?: string }) => error.code,
      );
      await admin.query('ROLLBACK TO before');
      if (code === '42501') return text;
    }
    return null;
  } finally {
    await admin.query('ROLLBACK');
  }
}
