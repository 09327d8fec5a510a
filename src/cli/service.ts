import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { createActivities } from '../activities';
import { createApp } from '../api/app';
import { createTokenVerifier } from '../api/auth/verifyToken';
import type { HealthCheck } from '../api/health';
import { Turns } from '../api/turns';
import type { Config } from '../config/config';
import { migrateProvisioning } from '../db/migrate';
import { createPool } from '../db/pool';
import { openSigningKeys } from '../issuer/keys';
import { createIssuerRouter } from '../issuer/router';
import { connect, installRuntime } from '../temporal/connection';
import { runUrl } from '../temporal/links';
import { ensureSearchAttributes } from '../temporal/searchAttributes';
import { startWorker } from '../temporal/worker';
import { listen } from './api';
import { findServers } from './localServers';
import { publishRuntime, withdrawRuntime } from './runtimeFile';

/** The parts that a process can run. */
export const PARTS = ['api', 'worker'] as const;
export type Part = (typeof PARTS)[number];

export interface ServiceOptions {
  config: Config;
  environment: NodeJS.ProcessEnv;
  parts: readonly Part[];
  log: Logger;
  onProgress: (line: string) => void;
  /** Something the service cannot run without has died. */
  onFatal: (reason: string) => void;
}

/** A service that is up. */
export interface RunningService {
  apiUrl: string | null;
  uiUrl: string;
  /** Whether the embedded demo group is there to be provisioned. */
  hasDemo: boolean;
  /** Stops everything in order: requests, worker, connections, servers. */
  stop(): Promise<void>;
}

// Local servers end with us, and people who press Ctrl-C wait; elsewhere running requests get their time.
const LOCAL_GRACE_MS = 3_000;
const GRACE_MS = 20_000;

/** Starts the parts and whatever they need that is not configured. @throws when something cannot be started */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const { config, environment, parts, log, onProgress, onFatal } = options;
  const cleanups: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) {
      await cleanup().catch((error: unknown) => log.warn({ err: error }, 'a part did not stop cleanly'));
    }
  };
  try {
    const servers = await findServers(config, environment, { onProgress, onExit: onFatal });
    cleanups.push(() => servers.stop());
    onProgress('migrating schema provisioning');
    await migrateProvisioning(servers.gitlabDatabaseUrl);
    const pool = createPool({
      url: servers.gitlabDatabaseUrl,
      applicationName: `provisioner ${parts.join(',')}`,
      max: 20,
      onError: (error) => log.warn({ err: error }, 'a database connection broke'),
    });
    cleanups.push(() => pool.end());

    installRuntime(log);
    const temporal = await connect(servers.temporal.connectionOptions, servers.temporal.namespace);
    cleanups.push(() => temporal.connection.close());
    const searchable = await ensureSearchAttributes(temporal, log);
    const checks: Record<string, HealthCheck> = {
      gitlab_database: () => pool.query('SELECT 1'),
      temporal: () =>
        temporal.client.withDeadline(Date.now() + 2_000, () =>
          temporal.client.workflowService.getSystemInfo({}),
        ),
    };

    if (parts.includes('worker')) {
      onProgress('starting the worker');
      const activities = createActivities({
        pool,
        log,
        searchable,
        policy: config.failurePolicy,
        billableMembers: (subscription) => subscription.seats_in_use,
      });
      const worker = await startWorker(temporal, activities);
      worker.done.catch((error: unknown) => onFatal(`the worker died: ${String(error)}`));
      cleanups.push(() => worker.stop());
      checks['worker'] = async () => {
        if (!worker.isRunning()) throw new Error('the worker is not polling');
        await sleep(0);
      };
    }

    const isLocal = config.gitlabDatabaseUrl === null;
    let api: Awaited<ReturnType<typeof listen>> | null = null;
    if (parts.includes('api')) {
      const keys = config.subscriptionPortalUrl === null ? openSigningKeys(config.dataDir) : null;
      await keys?.(); // a damaged file is better found now
      api = await listen(config.host, config.port, (url) =>
        createApp({
          pool,
          log,
          checks,
          waitMs: config.waitMs,
          verifyToken: createTokenVerifier({ portalUrl: config.subscriptionPortalUrl ?? url }),
          runner: { client: temporal.client, turns: new Turns(), searchable },
          runUrl: (workflowId, runId) => runUrl(servers.temporalUiUrl, temporal.namespace, workflowId, runId),
          ...(keys && { issuer: createIssuerRouter(keys, () => url) }),
        }),
      );
      const { stop: stopApi } = api;
      cleanups.push(() => stopApi(isLocal ? LOCAL_GRACE_MS : GRACE_MS));
    }
    const apiUrl = api?.url ?? null;
    await publishRuntime(config.dataDir, {
      gitlabDatabaseUrl: isLocal ? servers.gitlabDatabaseUrl : null,
      customersDotDatabaseUrl: isLocal ? servers.customersDotDatabaseUrl : null,
      temporalAddress: config.temporal === null ? (servers.temporal.connectionOptions.address ?? null) : null,
      temporalUiUrl: servers.temporalUiUrl,
      apiUrl,
    });
    cleanups.push(() => withdrawRuntime(config.dataDir));
    return { apiUrl, uiUrl: servers.temporalUiUrl, hasDemo: isLocal, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
