import { Logger as QueueLogger } from 'graphile-worker';
import type { Logger } from 'pino';

// The queue reports each job; what matters of it is logged with the attempt already.
const LEVELS = { error: 'error', warning: 'warn', info: 'debug', debug: 'trace' } as const;

/** Sends the job queue's log lines to ours: their text only, as what comes with them holds whole jobs. */
export function queueLogger(log: Logger): QueueLogger {
  return new QueueLogger(() => (level, message) => {
    log[LEVELS[level as keyof typeof LEVELS] ?? 'info']({ component: 'queue' }, message);
  });
}
