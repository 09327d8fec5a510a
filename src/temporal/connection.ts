import { Client, type ClientInterceptors } from '@temporalio/client';
import type { Logger } from 'pino';
import {
  DefaultLogger,
  NativeConnection,
  Runtime,
  makeTelemetryFilterString,
  type NativeConnectionOptions,
} from '@temporalio/worker';

/** A client on the connection that the worker of this process uses, too: that makes eager starts possible. */
export interface TemporalConnection {
  connection: NativeConnection;
  client: Client;
  namespace: string;
}

/**
 * Sends the SDK's own log through ours and leaves signals to us. Once per process, before any connection.
 * @param metricsAddress where the SDK is to serve its metrics, `host:port`; names begin with `temporal_`
 * @throws when the address is taken
 */
export function installRuntime(log: Logger, metricsAddress: string): void {
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      const { error, ...rest } = meta ?? {};
      log[level === 'ERROR' ? 'error' : 'warn'](
        { ...rest, ...(error ? { err: error as unknown } : {}) },
        message,
      );
    }),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'WARN' }) },
      metrics: {
        prometheus: {
          bindAddress: metricsAddress,
          countersTotalSuffix: true,
          unitSuffix: true,
          useSecondsForDurations: true,
        },
        attachServiceName: false,
      },
    },
  });
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?$/;

/**
 * Connects to Temporal.
 * @param interceptors of the client; null: none
 * @throws TransportError when no server answers
 */
export async function connect(
  options: NativeConnectionOptions,
  namespace: string,
  interceptors: ClientInterceptors | null,
): Promise<TemporalConnection> {
  // Compressing what stays on this machine only costs.
  const compression = LOOPBACK.test(options.address ?? '') && { grpcCompression: { codec: 'none' as const } };
  const connection = await NativeConnection.connect({ ...compression, ...options });
  const client = new Client({ connection, namespace, ...(interceptors && { interceptors }) });
  return { connection, namespace, client };
}
