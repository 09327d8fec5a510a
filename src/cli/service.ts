import type { Cleanups } from './ending';
import { startCustomersDotPart } from './customersDotPart';
import { openDataDir, register } from './dataDir';
import { openServers } from './localServers';
import type { ServiceOptions } from './parts';
import { startProvisioning, type Provisioning } from './provisioningParts';
import { startRelayPart } from './relayPart';
import { NOTHING, publishRuntime, withdrawRuntime, type Runtime } from './runtimeFile';

/** A service that is up; what it does not run is null. */
export interface RunningService extends Provisioning {
  customersDotUrl: string | null;
  relayUrl: string | null;
  /** Whether the embedded demo group is there to be provisioned. */
  hasDemo: boolean;
}

const NO_PROVISIONING: Provisioning = {
  apiUrl: null,
  adminUrl: null,
  workerUrl: null,
  uiUrl: null,
  auditReader: null,
};

/**
 * Starts the parts, and what they need that is not configured.
 * @param cleanups gets what stops it all in order: relay, CustomersDot's side, requests, worker, connections, servers
 * @throws when something cannot be started; all is stopped then
 */
export async function startService(options: ServiceOptions, cleanups: Cleanups): Promise<RunningService> {
  const { config, parts, log, metrics, tracing, onProgress } = options;
  for (const part of parts) metrics.parts.set({ part }, 1);
  if (tracing) cleanups.add(() => tracing.stop());
  try {
    await openDataDir(config.dataDir);
    cleanups.add(() => withdrawRuntime(config.dataDir));
    const registeredAt = await register(config, parts, onProgress);
    log.info({ parts }, 'starting');
    const publish = (runtime: Runtime) =>
      publishRuntime(config.dataDir, { parts: [...parts], registeredAt, runtime });
    const servers = await openServers(options, cleanups);
    const provisioning =
      parts.includes('api') || parts.includes('worker')
        ? await startProvisioning(options, servers, cleanups)
        : NO_PROVISIONING;
    const { apiUrl } = provisioning;
    const customersDotUrl = parts.includes('cdot')
      ? await startCustomersDotPart(options, servers, apiUrl, cleanups)
      : null;
    const relayUrl = parts.includes('relay') ? await startRelayPart(options, servers, cleanups) : null;
    await publish({ ...servers.started, apiUrl, customersDotUrl, relayUrl });
    cleanups.add(() => publish(NOTHING));
    return { ...provisioning, customersDotUrl, relayUrl, hasDemo: config.gitlabDatabaseUrl === null };
  } catch (error) {
    await cleanups.run();
    throw error;
  }
}
