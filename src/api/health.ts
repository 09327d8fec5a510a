import { setTimeout as wait } from 'node:timers/promises';
import type { RequestHandler } from 'express';

/** Something this process cannot work without. Resolves when it is up, rejects when it is not. */
export type HealthCheck = () => Promise<unknown>;

/** What is not as it should be, though the process can work: one line each. Never rejects. */
export type Warnings = () => Promise<readonly string[]>;

interface Health {
  checks: Record<string, HealthCheck>;
  warnings?: Warnings;
  /** Aborted when the process has been told to stop. */
  stopping: AbortSignal;
}

const CHECK_TIMEOUT_MS = 2_000;

/** `GET /-/liveness`: the process answers. */
export const liveness: RequestHandler = (_req, res) => {
  res.json({ status: 'ok' });
};

/**
 * `GET /-/readiness`: 200 when every check passes, else 503 with the names of those that fail. Once the process has
 * been told to stop it is 503, too, so that no new requests are sent here while running ones finish. Warnings are named
 * beside the checks, if there are any, and change no status.
 */
export function readiness({ checks, warnings, stopping }: Health): RequestHandler {
  return async (_req, res) => {
    if (stopping.aborted) return void res.status(503).json({ status: 'stopping' });
    const [warned, ...results] = await Promise.all([
      warnings?.() ?? [],
      ...Object.entries(checks).map(
        async ([name, check]) => [name, (await passes(check)) ? 'ok' : 'failed'] as const,
      ),
    ]);
    const isReady = results.every(([, state]) => state === 'ok');
    res.status(isReady ? 200 : 503).json({
      status: isReady ? 'ok' : 'failed',
      checks: Object.fromEntries(results),
      ...(warned.length > 0 && { warnings: warned }),
    });
  };
}

/** Whether a check passes, within two seconds. */
export function passes(check: HealthCheck): Promise<boolean> {
  const passed = check().then(
    () => true,
    () => false,
  );
  return Promise.race([passed, wait(CHECK_TIMEOUT_MS, false, { ref: false })]);
}
