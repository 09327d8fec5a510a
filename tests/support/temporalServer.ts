import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { promisify } from 'node:util';
import { startTemporalServer } from '../../src/local/temporalServer';

/** The server that the service tests share. */
export interface SharedTemporal {
  address: string;
  stop(): Promise<void>;
}

/** The server of TEMPORAL_ADDRESS, which is left running; else one whose data are thrown away. */
export async function findTemporal(cli: string, directory: string): Promise<SharedTemporal> {
  const address = process.env['TEMPORAL_ADDRESS'];
  if (address) return { address, stop: () => Promise.resolve() };
  return startTemporalServer({ cli, dbFile: path.join(directory, 'temporal.db'), port: 0, uiPort: null });
}

/**
 * Creates a Temporal namespace that no other run of the tests has: the server may be shared.
 * @param name what it is for
 * @returns its name
 */
export async function createTemporalNamespace(cli: string, address: string, name: string): Promise<string> {
  const unique = `${name}-${randomUUID().slice(0, 8)}`;
  const call = (...args: string[]) =>
    promisify(execFile)(cli, [...args, '--namespace', unique, '--address', address], { env: {} });
  await call('operator', 'namespace', 'create', '--retention', '24h');
  // The server's parts learn of a new namespace one after the other.
  for (let isKnown = false; !isKnown;) {
    isKnown = await call('workflow', 'list').then(
      () => true,
      () => false,
    );
  }
  return unique;
}
