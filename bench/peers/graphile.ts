import { randomUUID } from 'node:crypto';
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import type { Answer } from '../../src/domain/answer';
import type { SyncInput } from '../../src/domain/sync';
import { openPool, POOL_SIZE, provisionInOneTransaction } from './databaseWork';
import { serve, setting } from './front';

// A job per sync. The caller is told by NOTIFY, in the transaction of the work, so it hears of nothing that is undone.
const CHANNEL = 'sync_applied';

async function main() {
  const pool = openPool(setting('GITLAB_DATABASE_URL'));
  const logger = new Logger(() => () => undefined);
  const waiting = new Map<string, (answer: Answer) => void>();
  const listener = await pool.connect();
  listener.on('notification', ({ payload }) => {
    const { id, answer } = JSON.parse(payload ?? '') as { id: string; answer: Answer };
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  await listener.query(`LISTEN ${CHANNEL}`);

  const connectionString = setting('GITLAB_DATABASE_URL');
  const jobs = await makeWorkerUtils({ connectionString, logger });
  await jobs.migrate();
  await run({
    connectionString,
    logger,
    concurrency: POOL_SIZE,
    maxPoolSize: POOL_SIZE,
    taskList: {
      provision: async (payload) => {
        const { id, input } = payload as { id: string; input: SyncInput };
        await provisionInOneTransaction(pool, input, id, (tx, answer) =>
          tx.query('SELECT pg_notify($1, $2)', [CHANNEL, JSON.stringify({ id, answer })]),
        );
      },
    },
  });
  await serve(pool, async (input) => {
    const id = randomUUID();
    const applied = new Promise<Answer>((resolve) => waiting.set(id, resolve));
    await jobs.addJob('provision', { id, input });
    return applied;
  });
}

void main();
