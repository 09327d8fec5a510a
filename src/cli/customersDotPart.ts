import { createHealthApp } from '../api/healthApp';
import { startCustomersDot } from '../cdot/part';
import { openSigningKeys, signingSince } from '../issuer/keys';
import { createIssuerRouter } from '../issuer/router';
import { observeSigningKey } from '../metrics/observed';
import { listen } from './api';
import type { Cleanups } from './ending';
import type { Servers } from './localServers';
import { requireOwnSessions } from './databases';
import { findRuntime } from './runtimeFile';
import { graceMs, type ServiceOptions } from './parts';
import { explain } from './startError';

// An API that uses up its wait still has to send its answer.
const BEYOND_THE_WAIT_MS = 5_000;

/**
 * Starts the part `cdot`: CustomersDot's worker, and an HTTP server for its health and its public keys.
 * @param apiUrl the API of this process, if it runs one
 * @returns the HTTP server's address
 */
export async function startCustomersDotPart(
  { config, log, metrics, stopping, onProgress }: ServiceOptions,
  servers: Servers,
  apiUrl: string | null,
  cleanups: Cleanups,
): Promise<string> {
  const { subscriptionPortalUrl } = config;
  const keys = openSigningKeys(config.dataDir);
  await keys(); // finds a damaged file at the start
  observeSigningKey(metrics, async () => Date.now() - (await signingSince(config.dataDir)));
  const databaseUrl = await servers.customersDotDatabase();
  await requireOwnSessions('CUSTOMERS_DOT_DATABASE_URL', databaseUrl);
  onProgress("starting CustomersDot's worker");
  const part = await explain(
    startCustomersDot({
      log,
      onProgress,
      metrics,
      keys,
      databaseUrl,
      // Looked up for each request: an API on the same data directory may start later, or restart elsewhere.
      api: async () => {
        const url = config.provisionApiUrl ?? apiUrl ?? (await findRuntime(config.dataDir)).apiUrl;
        return url === null ? null : { url, issuer: subscriptionPortalUrl ?? url };
      },
      concurrency: config.customersDotConcurrency,
      maxTries: config.customersDotMaxAttempts,
      retryBaseMs: config.customersDotRetryBaseMs,
      timeoutMs: config.waitMs + BEYOND_THE_WAIT_MS,
    }),
    'CUSTOMERS_DOT_DATABASE_URL cannot be used, or its role may not bring its tables up to date (run "provisioner migrate" as one that may)',
  );
  cleanups.add(() => part.stop());
  const address = {
    name: "CustomersDot's side",
    host: config.host,
    port: config.customersDotPort,
    onProgress,
  };
  const server = await listen({ ...address, stopping }, (url) =>
    createHealthApp({ log, metrics, checks: part.checks, stopping }).use(
      createIssuerRouter(keys, () => subscriptionPortalUrl ?? url),
    ),
  );
  cleanups.add(() => server.stop(graceMs(config)));
  return server.url;
}
