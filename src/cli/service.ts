import type { AuditReader } from './auditReader';
import { Cleanups } from './cleanups';
import { startCustomersDotPart } from './customersDotPart';
import { openServers } from './localServers';
import type { ServiceOptions } from './parts';
import { startProvisioning } from './provisioningParts';
import { publishRuntime, withdrawRuntime } from './runtimeFile';

/** A service that is up; what it does not run is null. */
export interface RunningService {
  apiUrl: string | null;
  /** Where the API serves its health, its metrics and the audit pages; null: at `apiUrl`. */
  adminUrl: string | null;
  customersDotUrl: string | null;
  workerUrl: string | null;
  uiUrl: string | null;
  /** Who may read the audit pages; null: they are not served. */
  auditReader: AuditReader | null;
  /** Whether the embedded demo group is there to be provisioned. */
  hasDemo: boolean;
  /** Stops everything in order: CustomersDot's side, requests, worker, connections, servers. */
  stop(): Promise<void>;
}

/** Starts the parts and whatever they need that is not configured. @throws when something cannot be started */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const { config, environment, parts, log, metrics, tracing, onProgress, onFatal } = options;
  for (const part of parts) metrics.parts.set({ part }, 1);
  const cleanups = new Cleanups(log);
  if (tracing) cleanups.add(() => tracing.stop());
  try {
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
    await publishRuntime(config.dataDir, { ...servers.started(), apiUrl, customersDotUrl });
    cleanups.add(() => withdrawRuntime(config.dataDir));
    return {
      apiUrl,
      adminUrl: provisioning?.adminUrl ?? null,
      customersDotUrl,
      workerUrl: provisioning?.workerUrl ?? null,
      uiUrl: provisioning?.uiUrl ?? null,
      auditReader: provisioning?.auditReader ?? null,
      hasDemo: config.gitlabDatabaseUrl === null,
      stop: () => cleanups.run(),
    };
  } catch (error) {
    await cleanups.run();
    throw error;
  }
}
