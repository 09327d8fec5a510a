import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Command, InvalidArgumentError } from 'commander';
import { AttributesRefused, parseAttributes, type Attributes } from '../cdot/attributes';
import { listSyncs } from '../cdot/audit';
import { recordSync, resync } from '../cdot/syncs';
import { ConfigError, loadConfig } from '../config/config';
import { findNamespaceId, withCustomersDotDatabase } from './databases';
import { openRunLinks } from './runtimeFile';
import { syncsJson, syncsTable } from './syncsTable';
import { processTerminal } from './terminal';
import { waitForSync } from './waitForSync';

const WAIT_HELP =
  'wait for the outcome; exit code 0 completed, 2 partially failed, 3 skipped, 1 anything else';

/** The commands about syncs, as CustomersDot has them: `sync`, `resync` and `syncs`. */
export function syncCommands(environment: NodeJS.ProcessEnv): Command[] {
  const terminal = processTerminal(environment);

  const sync = new Command('sync')
    .description('Records what a namespace is entitled to, as CustomersDot does, and has it sent.')
    .argument('<namespace>', 'its id or its full path')
    .argument('<file>', 'a JSON file with the value of "provision"; - reads standard input')
    .option('--wait', WAIT_HELP)
    .action(async (namespace: string, file: string, { wait }: { wait?: true }) => {
      const config = loadConfig(environment);
      const attrs = await readAttributes(file);
      const id = await findNamespaceId(config, namespace);
      process.exitCode = await withCustomersDotDatabase(config, terminal, async (pool) => {
        const { sync, isNew } = await recordSync(pool, id, attrs);
        const news = isNew ? 'new' : 'unchanged, sent again';
        terminal.print(`Sync ${sync.id} of namespace ${id}: ${news}`);
        return wait ? waitForSync(pool, { sync, isLatest: true }, await openRunLinks(config), terminal) : 0;
      });
    });

  const resyncCommand = new Command('resync')
    .description('Sends a recorded sync again, now.')
    .argument('<sync id>', 'its id', wholeNumber)
    .option('--wait', WAIT_HELP)
    .option('--force', "also if it is older than the namespace's latest; the API may then answer 409")
    .action(async (syncId: number, { wait, force = false }: { wait?: true; force?: boolean }) => {
      const config = loadConfig(environment);
      process.exitCode = await withCustomersDotDatabase(config, terminal, async (pool) => {
        const requested = await resync(pool, syncId, { force });
        terminal.print(`Sync ${syncId} of namespace ${requested.sync.namespaceId}: sent again`);
        return wait ? waitForSync(pool, requested, await openRunLinks(config), terminal) : 0;
      });
    });

  const syncs = new Command('syncs')
    .description('Lists recorded syncs with what changed, their attempts and the outcome.')
    .argument('[namespace]', 'only those of this namespace, by its id or its full path')
    .option('--failed', 'only those whose last attempt failed, partially or as a whole')
    .option('--json', 'as JSON: an array of syncs with their attempts')
    .option('--limit <number>', 'at most so many, the newest ones', wholeNumber, 100)
    .action(async (namespace: string | undefined, options: { failed?: true; json?: true; limit: number }) => {
      const config = loadConfig(environment);
      const { failed = false, json = false, limit } = options;
      const id = namespace === undefined ? null : await findNamespaceId(config, namespace);
      const found = await withCustomersDotDatabase(config, terminal, (pool) =>
        listSyncs(pool, { namespaceId: id, failed, limit }),
      );
      const link = await openRunLinks(config);
      terminal.print(json ? syncsJson(found, link) : syncsTable(found, link, terminal));
      if (found.length === limit) terminal.progress(`These are the newest ${limit}; --limit shows more.`);
    });

  return [sync, resyncCommand, syncs];
}

async function readAttributes(file: string): Promise<Attributes> {
  let content: string;
  try {
    content = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${file} cannot be read: ${(error as Error).message}`);
  }
  try {
    return parseAttributes(content);
  } catch (error) {
    if (!(error instanceof AttributesRefused)) throw error;
    throw new ConfigError(`${file === '-' ? 'standard input' : file} is refused: ${error.message}`);
  }
}

function wholeNumber(value: string): number {
  if (/^\d+$/.test(value) && Number(value) > 0 && Number.isSafeInteger(Number(value))) return Number(value);
  throw new InvalidArgumentError('It takes a whole number from 1.');
}
