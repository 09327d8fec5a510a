import { setTimeout as sleep } from 'node:timers/promises';
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
    if (absent.length > 0) {
      const searchAttributes = Object.fromEntries(absent);
      await connection.operatorService
        .addSearchAttributes({ namespace, searchAttributes })
        .catch(async (error: unknown) => {
          // Another process may have been faster; what counts is that they are there.
          if ((await missing()).length > 0) throw error;
        });
    }
    await untilKnown({ connection, namespace });
    return true;
  } catch (error) {
    const left = await missing().catch(() => Object.entries(WANTED));
    const reason = isGrpcServiceError(error) ? error.message : String(error);
    log.warn(
      { missing: left.map(([name]) => name), reason },
      'search attributes are missing and cannot be created: runs will not be found by namespace, sync or outcome',
    );
    return false;
  }
}

/**
 * Waits until the server takes the attributes, half a minute at most. It tells its parts of new ones later, one with its
 * data in PostgreSQL after two seconds; until then it refuses each run that has them.
 */
async function untilKnown({
  connection,
  namespace,
}: Pick<TemporalConnection, 'connection' | 'namespace'>): Promise<void> {
  const query = Object.keys(WANTED)
    .map((name) => `${name} IS NULL`)
    .join(' AND ');
  for (let tries = 1; ; tries++) {
    try {
      await connection.workflowService.countWorkflowExecutions({ namespace, query });
      return;
    } catch (error) {
      if (tries === 300) throw error;
      await sleep(100);
    }
  }
}
