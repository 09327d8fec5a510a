import type { Logger } from 'pino';
import type { LogContext } from '../activities/nameInLog';
import type { Config } from '../config/config';
import type { Metrics } from '../metrics/metrics';
import type { Tracing } from '../tracing/tracing';

/** The parts that a process can run. */
export const PARTS = ['api', 'worker', 'cdot', 'relay'] as const;
export type Part = (typeof PARTS)[number];

/** What the service of a process consists of and works with. */
export interface ServiceOptions {
  config: Config;
  environment: NodeJS.ProcessEnv;
  parts: readonly Part[];
  log: Logger;
  /** Fields that the log's lines have while some work is in progress. */
  logContext: LogContext;
  /** Of the whole process. */
  metrics: Metrics;
  /** Null: nothing is traced. */
  tracing: Tracing | null;
  onProgress: (line: string) => void;
  /** Aborted when the process is to stop: it still answers, but wants no new requests. */
  stopping: AbortSignal;
  /** Something the service cannot run without has died. */
  onFatal: (reason: string) => void;
}

/** Whether parts need a server that is not configured, so that those of the data directory are used. */
export function usesLocalServers(
  { gitlabDatabaseUrl, customersDotDatabaseUrl, temporal }: Config,
  parts: readonly Part[],
): boolean {
  const needsLocal: Record<Part, boolean> = {
    api: gitlabDatabaseUrl === null || temporal === null,
    worker: gitlabDatabaseUrl === null || temporal === null,
    cdot: customersDotDatabaseUrl === null,
    relay: gitlabDatabaseUrl === null,
  };
  return parts.some((part) => needsLocal[part]);
}
