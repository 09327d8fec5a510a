import { object, serve as serveRestate, type ObjectContext } from '@restatedev/restate-sdk';
import { freePort } from '../../src/local/ports';
import type { Answer } from '../../src/domain/answer';
import type { SyncInput } from '../../src/domain/sync';
import { dependencies, openPool, provision } from './databaseWork';
import { serve, setting } from './front';

// Restate: its server keeps each step's result in a log of its own and calls this process to run the handler. An object
// runs one call per key at a time, which is what the workflow id is in Temporal.
// Its SDK calls this function of Node 22, and nothing else that Node 20 lacks.
Promise.withResolvers ??= <Value>() => {
  const made = {} as PromiseWithResolvers<Value>;
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
};

async function main() {
  const pool = openPool(setting('GITLAB_DATABASE_URL'));
  const deps = dependencies(pool);
  const provisioning = object({
    name: 'provisioning',
    handlers: {
      provision: (ctx: ObjectContext, input: SyncInput) =>
        provision(deps, input, ctx.request().id, (name, body) => ctx.run(name, body)),
    },
  });
  const port = await serveRestate({ services: [provisioning], port: await freePort(0, '127.0.0.1') });
  await post(`${setting('RESTATE_ADMIN_URL')}/deployments`, { uri: `http://127.0.0.1:${port}` });
  const ingress = setting('RESTATE_INGRESS_URL');
  await serve(pool, (input) =>
    post<Answer>(`${ingress}/provisioning/${input.namespace_id}/provision`, input),
  );
}

async function post<Result>(url: string, body: unknown): Promise<Result> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`Restate answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Result;
}

void main();
