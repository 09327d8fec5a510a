import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { ServiceClient } from '../../../support/client';
import { testEnvironment } from '../../../support/environment';
import { startServiceProcess, type ServiceProcess } from '../../../support/serviceProcess';
import { startRpcCounter, type RpcCounter } from './rpcCounter';

/** An API process of its own; the runs are worked on by the worker that all tests share. */
export interface Api {
  client: ServiceClient;
  rpcs: RpcCounter;
  /** `application_name` of its database connections. */
  name: string;
  stop(): Promise<void>;
}

export async function startApi(name: string, waitMs: number): Promise<Api> {
  const { compensate, directory, temporalAddress } = testEnvironment();
  const dataDir = path.join(directory, name);
  await mkdir(dataDir);
  const rpcs = await startRpcCounter(temporalAddress);
  const databaseUrl = new URL(compensate.databaseUrl);
  databaseUrl.searchParams.set('application_name', name);
  const env = {
    DATA_DIR: dataDir,
    GITLAB_DATABASE_URL: databaseUrl.href,
    TEMPORAL_ADDRESS: rpcs.address,
    TEMPORAL_NAMESPACE: compensate.temporalNamespace,
    PROVISION_WAIT_MS: String(waitMs),
  };
  const service: ServiceProcess = await startServiceProcess(env, ['--only', 'api']);
  const client = ServiceClient.for({ ...compensate, dataDir, apiUrl: service.apiUrl });
  const stop = async () => {
    await client.close();
    await service.stop();
    await rpcs.close();
  };
  return { client, rpcs, name, stop };
}
