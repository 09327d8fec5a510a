import type { AuditReader } from './auditReader';
import type { Cleanups } from './cleanups';
import { startCustomersDotPart } from './customersDotPart';
import { openDataDir, takeTurn } from './dataDir';
import { openServers } from './localServers';
import type { ServiceOptions } from './parts';
import { startProvisioning } from './provisioningParts';
import { startRelayPart } from './relayPart';
import { NOTHING, publishRuntime, withdrawRuntime, type Runtime } from './runtimeFile';

/** A service that is up; what it does not run is null. */
export interface RunningService {
  apiUrl: string | null;
  /** Where the API serves its health, its metrics and the audit pages; null: at `apiUrl`. */
  adminUrl: string | null;
  customersDotUrl: string | null;
  workerUrl: string | null;
  relayUrl: string | null;
  uiUrl: string | null;
  /** Who may read the audit pages; null: they are not served. */
  auditReader: AuditReader | null;
  /** Whether the embedded demo group is there to be provisioned. */
  hasDemo: boolean;
}

/**
 * Starts the parts and whatever they need that is not configured.
 * @param cleanups gets what stops it all in order: relay, CustomersDot's side, requests, worker, connections, servers
 * @throws when something cannot be started; all is stopped then
 */
export async function startService(options: ServiceOptions, cleanups: Cleanups): Promise<RunningService> {
  const { config, environment, parts, log, metrics, tracing, onProgress, onFatal } = options;
  for (const part of parts) metrics.parts.set({ part }, 1);
  if (tracing) cleanups.add(() => tracing.stop());
  try {
    await openDataDir(config.dataDir);
    cleanups.add(() => withdrawRuntime(config.dataDir));
    const came = await takeTurn(config, parts, onProgress);
    log.info({ parts }, 'starting');
    const publish = (runtime: Runtime) =>
      publishRuntime(config.dataDir, { parts: [...parts], came, runtime });
    const servers = await openServers(config, environment, { onProgress, onExit: onFatal });
    cleanups.add(() => servers.stop());
    const provisioning =
      parts.includes('api') || parts.includes('worker')
        ? await startProvisioning(options, servers, cleanups)
        : null;
    const apiUrl = provisioning?.apiUrl ?? null;
    const customersDotUrl = parts.includes('cdot')
      ? await startCustomersDotPart(options, servers, apiUrl, cleanups)
      : null;
    const relayUrl = parts.includes('relay') ? await startRelayPart(options, servers, cleanups) : null;
    await publish({ ...servers.started(), apiUrl, customersDotUrl, relayUrl });
    cleanups.add(() => publish(NOTHING));
    return {
      apiUrl,
      adminUrl: provisioning?.adminUrl ?? null,
      customersDotUrl,
      workerUrl: provisioning?.workerUrl ?? null,
      relayUrl,
      uiUrl: provisioning?.uiUrl ?? null,
      auditReader: provisioning?.auditReader ?? null,
      hasDemo: config.gitlabDatabaseUrl === null,
    };
  } catch (error) {
    await cleanups.run();
    throw error;
  }
}
