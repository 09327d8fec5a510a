import { randomUUID } from 'node:crypto';
import { openPool, provisionInOneTransaction } from './databaseWork';
import { serve, setting } from './front';

// No engine: one transaction per request. A process that dies leaves nothing behind, and nobody to try again.
const pool = openPool(setting('GITLAB_DATABASE_URL'));
void serve(pool, (input) => provisionInOneTransaction(pool, input, randomUUID()));
