import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { HttpProblem } from '../problems';

/** Who may read the audit pages. */
export interface AuditReader {
  user: string;
  password: string;
}

/**
 * Lets only the reader in, by HTTP Basic (RFC 7617, in UTF-8). Compares in constant time.
 * @throws HttpProblem 401, with the header that makes a browser ask for user and password
 */
export function requireReader({ user, password }: AuditReader): RequestHandler {
  const expected = digest(`${user}:${password}`);
  return (req, res, next) => {
    const [, encoded] = /^basic +([a-z0-9+/]+=*) *$/i.exec(req.get('authorization') ?? '') ?? [];
    if (encoded !== undefined && timingSafeEqual(digest(Buffer.from(encoded, 'base64')), expected)) {
      next();
      return;
    }
    res.set('WWW-Authenticate', 'Basic realm="Audit pages", charset="UTF-8"');
    throw new HttpProblem('audit_unauthorized');
  };
}

/** Of a fixed length, so that the time of the comparison does not even show the length. */
function digest(credentials: string | Buffer): Buffer {
  return createHash('sha256').update(credentials).digest();
}
