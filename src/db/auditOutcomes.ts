import type { Outcome } from '../domain/sync';
import { composed, type Statement } from './statement';

/** A run that has ended, for a list over all namespaces. */
export interface AuditedOutcome {
  namespace_id: string;
  /** Null: the namespace does not exist any more. */
  path: string | null;
  sync_id: string | null;
  workflow_id: string;
  run_id: string;
  /** When it was recorded, in UTC. */
  created_at: string;
  outcome: Outcome;
}

const COLUMNS = `
  SELECT ledger.namespace_id, namespaces.path, ledger.sync_id, ledger.workflow_id, ledger.run_id,
    ledger.created_at, ledger.result AS outcome
  FROM provisioning.ledger LEFT JOIN namespaces ON namespaces.id = ledger.namespace_id
  WHERE ledger.step = 'recordOutcome'`;
const NEWEST = 'ORDER BY ledger.id DESC LIMIT $1';

/** The newest runs that ended, at most `limit`. */
export function findRecentOutcomes(limit: number): Statement<AuditedOutcome[]> {
  return composed(`${COLUMNS} ${NEWEST}`, [limit], (rows: AuditedOutcome[]) => rows);
}

/** The newest runs that were refused, failed or were cancelled, at most `limit`; by the index `ledger_failures`. */
export function findRecentFailures(limit: number): Statement<AuditedOutcome[]> {
  const isFailure = `ledger.result ->> 'status' IN ('error', 'failed', 'cancelled')`;
  return composed(`${COLUMNS} AND ${isFailure} ${NEWEST}`, [limit], (rows: AuditedOutcome[]) => rows);
}
