import { KeyUnknown, PortalUnavailable, Unauthorized } from './errors';

// Whoever made the token chose its `kid`, of up to 8 KiB.
const MAX_KID = 128;

/** What the log says of a token that was not accepted: why, and its `kid`; nothing for other errors. */
export function tokenNotes(error: unknown): { reason?: string; kid?: string } {
  if (error instanceof PortalUnavailable) return { reason: error.reason };
  if (!(error instanceof Unauthorized || error instanceof KeyUnknown)) return {};
  const { reason, kid } = error;
  return { reason, ...(kid !== null && { kid: kid.slice(0, MAX_KID) }) };
}
