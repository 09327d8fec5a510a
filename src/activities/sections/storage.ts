import { findNamespaceLimits } from '../../db/limits';
import { planStorage } from '../../domain/storage';
import type { PlanSection } from './section';

/** Purchased storage of a namespace (contract 4.2). */
export const storage: PlanSection<'storage'> = async (asked, { tx, namespaceId }) =>
  planStorage(asked, { namespace_id: namespaceId, row: await findNamespaceLimits(tx, namespaceId) });
