import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { AuditReader } from '../api/audit/basicAuth';
import type { Config } from '../config/config';
import { createOnce } from '../issuer/secretFile';
import { StartError } from './startError';

/** Who may read the audit pages, and where the password comes from. */
export interface KnownReader extends AuditReader {
  /** Where a generated password is kept; null: it is configured. */
  file: string | null;
}

/**
 * The configured reader. Without one: on the embedded database a user whose generated password is kept in `DATA_DIR`,
 * elsewhere null, and the pages are not served.
 * @throws StartError when the file that keeps the password is empty
 */
export async function openAuditReader({
  audit,
  gitlabDatabaseUrl,
  dataDir,
}: Config): Promise<KnownReader | null> {
  if (audit) return { ...audit, file: null };
  if (gitlabDatabaseUrl !== null) return null;
  const file = path.join(dataDir, 'audit', 'password');
  const password = (await createOnce(file, `${randomBytes(18).toString('base64url')}\n`)).trim();
  if (password === '') throw new StartError(`${file} is empty: delete it, then a new password is made`);
  return { user: 'audit', password, file };
}
