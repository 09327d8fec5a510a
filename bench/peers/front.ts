import express, { type ErrorRequestHandler } from 'express';
import helmet from 'helmet';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import type { Pool } from 'pg';
import { createTokenVerifier } from '../../src/api/auth/verifyToken';
import { readJsonBody } from '../../src/api/readBody';
import { requestId } from '../../src/api/healthApp';
import { requestLog } from '../../src/api/requestLog';
import { findNamespace } from '../../src/db/namespaces';
import { run } from '../../src/db/statement';
import type { Answer } from '../../src/domain/answer';
import { checkNamespace, parseSyncBody } from '../../src/domain/request';
import type { SyncInput } from '../../src/domain/sync';
import { createMetrics } from '../../src/metrics/metrics';
import { provisionPath } from '../../src/wire/endpoint';

/**
 * The HTTP side of every peer: what the product does before it starts a run, with the product's own parts. Says on
 * standard error where it listens, as the product does.
 * @param work applies a sync that was let in
 */
export async function serve(pool: Pool, work: (input: SyncInput) => Promise<Answer>): Promise<void> {
  const verifyToken = createTokenVerifier({ portalUrl: setting('SUBSCRIPTION_PORTAL_URL') });
  const app = express();
  app.set('etag', false);
  app.use(requestId, requestLog(pino(), createMetrics()), helmet());
  app.post(provisionPath(':id'), async (req, res) => {
    await verifyToken(req.get('x-customers-dot-internal-token'));
    const lookUp = findNamespace(req.params.id);
    const found = checkNamespace(lookUp && (await run(pool, lookUp)));
    const body = parseSyncBody(await readJsonBody(req));
    if (!found.ok || !body.ok) throw new Error('the bench sent something wrong');
    const { syncId: sync_id, provision } = body;
    const correlation_id = res.locals['requestId'] as string;
    res.json(await work({ namespace_id: found.value.id, sync_id, provision, correlation_id }));
  });
  app.use(((error, _req, res, _next) => {
    console.error(error);
    res.status(500).json({ message: String(error) });
  }) satisfies ErrorRequestHandler);

  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  console.error(`API http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

/** A variable that the bench gives to its peers. */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: "npm run bench" starts the peers`);
  return value;
}
