import { findComputeMinutes, findMonthlyUsage } from '../../db/limits';
import { planComputeMinutes } from '../../domain/computeMinutes';
import type { PlanSection } from './section';

/** Compute minutes of a namespace (contract 4.3). */
export const computeMinutes: PlanSection<'compute_minutes'> = async (asked, { tx, namespaceId, clock }) =>
  planComputeMinutes(asked, {
    namespace: await findComputeMinutes(tx, namespaceId),
    monthlyUsage: await findMonthlyUsage(tx, namespaceId, clock.today),
  });
