import type { RequestHandler } from 'express';
import type { Answer } from '../domain/answer';
import { SECTIONS } from '../domain/sections';
import type { Metrics } from '../metrics/metrics';
import { TOKEN_REFUSALS } from './auth/refusal';
import { HttpProblem, PROBLEMS } from './problems';

// What the endpoint answers (contract 2). Each begins at 0, so that an alert sees the very first one.
const STATUSES = new Set([200, 409, 422, ...Object.values(PROBLEMS).flatMap(({ statuses }) => statuses)]);

/** Measures the requests of the endpoint, beside what is measured for all requests. */
export function measureEndpoint(
  { requests, problems, sli, tokenRefusals }: Metrics,
  route: string,
): RequestHandler {
  for (const status of STATUSES) requests.inc({ method: 'POST', route, status }, 0);
  for (const code of Object.keys(PROBLEMS)) problems.inc({ code }, 0);
  for (const reason of TOKEN_REFUSALS) tokenRefusals.inc({ reason }, 0);
  return (_req, res, next) => {
    const begun = performance.now();
    res.on('close', () => sli.record(res.statusCode, (performance.now() - begun) / 1000));
    next();
  };
}

/** Counts a refused token by its reason. Passes on what comes of `check`. */
export async function countRefusals({ tokenRefusals }: Metrics, check: Promise<void>): Promise<void> {
  try {
    await check;
  } catch (error) {
    if (error instanceof HttpProblem && error.code === 'unauthorized')
      tokenRefusals.inc({ reason: error.why.reason ?? '' });
    throw error;
  }
}

/** Counts the answer to a sync. @param at where it was decided: at the `door`, or by the sync's `run` */
export function countAnswer(metrics: Metrics, { status, payload }: Answer, at: 'door' | 'run'): void {
  metrics.syncs.inc({ outcome: status });
  if (status === 'skipped') metrics.superseded.inc({ at });
  for (const section of SECTIONS) {
    if (payload[section]?.status === 'error') metrics.refusedSections.inc({ section });
  }
}

/**
 * Counts a request as waiting while `work` runs: first for its turn, and once `work` reports a run, for its result.
 */
export async function countWaiting<T>(
  { waiters }: Metrics,
  work: (onRun: () => void) => Promise<T>,
): Promise<T> {
  let waitsFor = 'turn';
  waiters.inc({ for: waitsFor });
  const onRun = () => {
    waiters.dec({ for: waitsFor });
    waitsFor = 'result';
    waiters.inc({ for: waitsFor });
  };
  try {
    return await work(onRun);
  } finally {
    waiters.dec({ for: waitsFor });
  }
}
