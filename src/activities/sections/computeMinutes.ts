import { findComputeMinutes } from '../../db/limits';
import { planComputeMinutes } from '../../domain/computeMinutes';
import type { PlanSection } from './section';

/** Compute minutes of a namespace (contract 4.3). */
export const computeMinutes: PlanSection<'compute_minutes'> = async (asked, { tx, namespaceId, hasCi }) =>
  planComputeMinutes(asked, await findComputeMinutes(tx, namespaceId, hasCi));
