import { isGrpcServiceError } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import type { Logger } from 'pino';
import {
  COMPENSATED,
  NAMESPACE_ID,
  PROVISION_OUTCOME,
  REFUSED_SECTIONS,
  SYNC_ID,
} from '../workflows/searchAttributes';
import type { TemporalConnection } from './connection';

const types = temporal.api.enums.v1.IndexedValueType;

const WANTED = {
  [NAMESPACE_ID.name]: types.INDEXED_VALUE_TYPE_INT,
  [SYNC_ID.name]: types.INDEXED_VALUE_TYPE_INT,
  [PROVISION_OUTCOME.name]: types.INDEXED_VALUE_TYPE_KEYWORD,
  [REFUSED_SECTIONS.name]: types.INDEXED_VALUE_TYPE_KEYWORD_LIST,
  [COMPENSATED.name]: types.INDEXED_VALUE_TYPE_BOOL,
};

/**
 * Creates the search attributes that runs are found by, where they are missing.
 * @returns false where the service may not create them: then runs start without, and it has been logged
 */
export async function ensureSearchAttributes(
  { connection, namespace }: TemporalConnection,
  log: Logger,
): Promise<boolean> {
  const missing = async () => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return Object.entries(WANTED).filter(([name, type]) => customAttributes?.[name] !== type);
  };
  try {
    const absent = await missing();
    if (absent.length === 0) return true;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(absent),
    });
    return true;
  } catch (error) {
    // Another process may have been faster; what counts is that they are there.
    const left = await missing().catch(() => Object.entries(WANTED));
    if (left.length === 0) return true;
    const reason = isGrpcServiceError(error) ? error.message : String(error);
    log.warn(
      { missing: left.map(([name]) => name), reason },
      'search attributes are missing and cannot be created: runs will not be found by namespace, sync or outcome',
    );
    return false;
  }
}
