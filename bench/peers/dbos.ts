import { randomUUID } from 'node:crypto';
import { DBOS } from '@dbos-inc/dbos-sdk';
import type { SyncInput } from '../../src/domain/sync';
import { dependencies, openPool, POOL_SIZE, provision } from './databaseWork';
import { serve, setting } from './front';

// DBOS: the process runs the workflow itself and keeps each step's result in PostgreSQL.
async function main() {
  const url = setting('GITLAB_DATABASE_URL');
  const pool = openPool(url);
  const deps = dependencies(pool);
  const workflow = DBOS.registerWorkflow(
    (input: SyncInput) =>
      provision(deps, input, DBOS.workflowID ?? '', (name, body) => DBOS.runStep(body, { name })),
    { name: 'provisionNamespace' },
  );
  DBOS.setConfig({
    name: 'bench',
    systemDatabaseUrl: url,
    systemDatabasePoolSize: POOL_SIZE,
    logLevel: 'error',
  });
  await DBOS.launch();
  await serve(pool, async (input) => {
    const handle = await DBOS.startWorkflow(workflow, { workflowID: randomUUID() })(input);
    return handle.getResult();
  });
}

void main();
