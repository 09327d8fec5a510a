import type { RequestHandler } from 'express';
import { Deadline } from './deadline';

/** Something this process cannot work without. Resolves when it is up, rejects when it is not. */
export type HealthCheck = () => Promise<unknown>;

const CHECK_TIMEOUT_MS = 2_000;

/** `GET /-/liveness`: the process answers. */
export const liveness: RequestHandler = (_req, res) => {
  res.json({ status: 'ok' });
};

/**
 * `GET /-/readiness`: 200 when every check passes, else 503 with the names of those that fail. Once the process has
 * been told to stop it is 503, too, so that no new requests are sent here while running ones finish.
 */
export function readiness(checks: Record<string, HealthCheck>, stopping: AbortSignal): RequestHandler {
  return async (_req, res) => {
    if (stopping.aborted) return void res.status(503).json({ status: 'stopping' });
    const results = await Promise.all(
      Object.entries(checks).map(
        async ([name, check]) => [name, (await passes(check)) ? 'ok' : 'failed'] as const,
      ),
    );
    const isReady = results.every(([, state]) => state === 'ok');
    res
      .status(isReady ? 200 : 503)
      .json({ status: isReady ? 'ok' : 'failed', checks: Object.fromEntries(results) });
  };
}

/** Whether a check passes, within two seconds. */
export function passes(check: HealthCheck): Promise<boolean> {
  return Deadline.in(CHECK_TIMEOUT_MS)
    .bound(check())
    .then(
      () => true,
      () => false,
    );
}
