import { Socket } from 'node:net';
import { Pool, type ClientBase } from 'pg';

export interface PoolSettings {
  url: string;
  /** Shown in `pg_stat_activity`. */
  applicationName: string;
  /** Connections at most. */
  max: number;
  /** Told about connections that break while nobody uses them; the pool replaces them by itself. */
  onError: (error: Error) => void;
}

/**
 * What each session is set to once the connection is there, in one round trip: poolers refuse most settings that come
 * with the start of one. A function or operator of `public` is only taken where no built-in one fits better: statements
 * name the types, or qualify what takes any type.
 */
export const SESSION = `
  SET statement_timeout = '7s'; SET lock_timeout = '3s'; -- fits the limit of a local activity (workflows/activityCalls)
  SET idle_in_transaction_session_timeout = '30s';
  SET search_path = public, pg_temp;
  SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'`;

/**
 * A connection pool whose values are lossless: int8 and timestamps are strings, dates `YYYY-MM-DD`, all in UTC.
 * Every connection has an error listener, also while it is checked out: without one, Node ends the process when
 * PostgreSQL goes away. Statements are bounded on both sides, so that a half-open network cannot hold a caller.
 */
export function createPool({ url, applicationName, max, onError }: PoolSettings): Pool {
  const pool = new Pool({
    connectionString: url,
    application_name: applicationName,
    max,
    connectionTimeoutMillis: 4_000,
    idleTimeoutMillis: 30_000,
    query_timeout: 8_000,
    keepAlive: true,
    pipeline: true, // statements that do not wait for each other's results travel together
    stream: () => new BatchingSocket(),
    // It is awaited, which its type does not say.
    onConnect: setSession,
    types: { getTypeParser: textOrParsed },
  });
  pool.on('error', onError);
  pool.on('connect', (client) => client.on('error', onError));
  return pool;
}

const PARSERS: Record<number, (text: string) => unknown> = {
  16: (text) => text === 't',
  21: Number,
  23: Number,
  114: (text) => JSON.parse(text) as unknown,
  3802: (text) => JSON.parse(text) as unknown,
};

function textOrParsed(oid: number): (text: string) => unknown {
  return PARSERS[oid] ?? ((text) => text);
}

function setSession(client: ClientBase): unknown {
  return client.query(SESSION);
}

/** Sends what the driver writes in one turn of the event loop as one packet: a packet costs more than the bytes in it. */
class BatchingSocket extends Socket {
  /** The driver corks the socket for each statement. What it has written until the turn ends goes with it. */
  override uncork(): void {
    process.nextTick(() => super.uncork());
  }
}
