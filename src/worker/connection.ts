import { Client, type ClientInterceptors } from '@temporalio/client';
import type { Logger } from 'pino';
import { calmLongPolls } from './calmLongPolls';
import {
  DefaultLogger,
  NativeConnection,
  Runtime,
  makeTelemetryFilterString,
  type NativeConnectionOptions,
} from '@temporalio/worker';

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
// One that throws at a payload would make a run that somebody started by hand an error of every request.
const CONVERTER = require.resolve('../workflows/payloadConverter');

/** How to connect. */
export interface ConnectionSettings {
  options: NativeConnectionOptions;
  namespace: string;
  /** Of the client; null: none. */
  interceptors: ClientInterceptors | null;
}

/** A client on the connection that the worker of this process uses, too: that makes eager starts possible. */
export class TemporalConnection {
  private constructor(
    private readonly settings: ConnectionSettings,
    private current: { connection: NativeConnection; client: Client },
  ) {}

  /** @throws TransportError when no server answers */
  static async open(settings: ConnectionSettings): Promise<TemporalConnection> {
    return new TemporalConnection(settings, await connect(settings));
  }

  get connection(): NativeConnection {
    return this.current.connection;
  }

  get client(): Client {
    return this.current.client;
  }

  get namespace(): string {
    return this.settings.namespace;
  }

  /** Replaces the connection. The one before stays open for whoever still uses it. */
  async renew(): Promise<void> {
    this.current = await connect(this.settings);
  }

  /** Resolves if the server has the namespace. @throws a gRPC error, or TransportError */
  async checkNamespace(): Promise<void> {
    const { client, namespace } = this;
    await client.withDeadline(Date.now() + CHECK_LIMIT_MS, () =>
      client.workflowService.describeNamespace({ namespace }),
    );
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

const CHECK_LIMIT_MS = 2_000;

async function connect({ options, namespace, interceptors }: ConnectionSettings) {
  // Compressing what stays on this machine only costs.
  const compression = LOOPBACK.test(options.address ?? '') && { grpcCompression: { codec: 'none' as const } };
  const connection = await NativeConnection.connect({ ...compression, ...options });
  calmLongPolls(connection.workflowService);
  const dataConverter = { payloadConverterPath: CONVERTER };
  const client = new Client({ connection, namespace, dataConverter, ...(interceptors && { interceptors }) });
  return { connection, client };
}
