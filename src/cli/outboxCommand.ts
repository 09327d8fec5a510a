import { Command, InvalidArgumentError } from 'commander';
import type { Pool } from 'pg';
import { ConfigError, loadConfig } from '../config/config';
import { createPool } from '../db/pool';
import { discardEvents, EventsUnknown, listSetAside, retrySetAside, type SetAside } from '../db/setAside';
import { findRuntime } from './runtimeFile';
import { explain } from './startError';
import { renderTable } from './table';
import { oneLine, processTerminal } from './terminal';

/** The command `outbox`: follow-up work that a sink refused too often. */
export function outboxCommand(environment: NodeJS.ProcessEnv): Command {
  const terminal = processTerminal(environment);
  const list = new Command('list')
    .description('Lists what is set aside: refused by a sink for OUTBOX_MAX_ATTEMPTS times.')
    .option('--json', 'as JSON: an array of events')
    .action(async ({ json }: { json?: true }) => {
      const events = await withOutbox(environment, listSetAside);
      if (json) return terminal.print(JSON.stringify(events, null, 2));
      if (events.length === 0) return terminal.print('Nothing is set aside.');
      for (const line of table(events, terminal.isColoured)) terminal.print(line);
    });

  const retry = new Command('retry')
    .description('Has events that are set aside delivered after all.')
    .argument('[ids...]', 'their ids', eventId)
    .option('--all', 'all that is set aside')
    .action(async (ids: string[] = [], { all = false }: { all?: boolean }) => {
      if (all === ids.length > 0) throw new ConfigError('outbox retry takes ids of events, or --all');
      const count = await withOutbox(environment, (pool) => retrySetAside(pool, all ? null : unique(ids)));
      terminal.print(`${events(count)} will be delivered.`);
    });

  const discard = new Command('discard')
    .description('Gives events up: no sink that does not have them gets them.')
    .argument('<ids...>', 'their ids', eventId)
    .action(async (ids: string[]) => {
      const count = await withOutbox(environment, (pool) => discardEvents(pool, unique(ids)));
      terminal.print(`${events(count)} given up.`);
    });

  return new Command('outbox')
    .description('Follow-up work that a sink would not have.')
    .addCommand(list)
    .addCommand(retry)
    .addCommand(discard);
}

const events = (count: number) => (count === 1 ? '1 event' : `${count} events`);

const unique = (ids: string[]) => [...new Set(ids)];

function eventId(value: string, before: string[] = []): string[] {
  const digits = /^(?:evt_)?0*([1-9]\d{0,17})$/.exec(value)?.[1];
  if (digits !== undefined) return [...before, digits];
  throw new InvalidArgumentError('It takes ids as "outbox list" prints them.');
}

function table(setAside: SetAside[], isColoured: boolean): string[] {
  const rows = setAside.map((event) =>
    [
      event.id,
      event.sink,
      event.namespace_id,
      event.event,
      event.set_aside_at.slice(0, 19),
      String(event.attempts),
      oneLine(event.error),
    ].map((text) => ({ text })),
  );
  return renderTable(['ID', 'SINK', 'NAMESPACE', 'EVENT', 'SET ASIDE', 'TRIES', 'ERROR'], rows, isColoured);
}

async function withOutbox<T>(environment: NodeJS.ProcessEnv, work: (pool: Pool) => Promise<T>): Promise<T> {
  const config = loadConfig(environment);
  const url = config.gitlabDatabaseUrl ?? (await findRuntime(config.dataDir)).gitlabDatabaseUrl;
  if (url === null) {
    throw new ConfigError(
      'GITLAB_DATABASE_URL is not set and no service runs here: set it, or run "npm start" first',
    );
  }
  const pool = createPool({ url, applicationName: 'provisioner outbox', max: 1, onError: () => undefined });
  try {
    return await work(pool);
  } catch (error) {
    if (error instanceof EventsUnknown) throw error;
    return await explain(Promise.reject(error), 'GITLAB_DATABASE_URL cannot be used');
  } finally {
    await pool.end();
  }
}
