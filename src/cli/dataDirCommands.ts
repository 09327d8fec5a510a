import { Command, InvalidArgumentError } from 'commander';
import { ConfigError, loadConfig } from '../config/config';
import { loadSigningKeys } from '../issuer/keys';
import { rotateSigningKeys } from '../issuer/rotate';
import { signToken } from '../issuer/token';
import { createNamespace } from '../local/gitlabDatabase';
import { openDataDir } from './dataDir';
import { findRuntime } from './runtimeFile';
import { processTerminal } from './terminal';

/** The commands about what DATA_DIR holds: `token`, `keys` and `namespaces`. */
export function dataDirCommands(environment: NodeJS.ProcessEnv): Command[] {
  const terminal = processTerminal(environment);

  const token = new Command('token')
    .description('Prints a token for the service that runs here with its own issuer, good for five minutes.')
    .action(async () => {
      const { dataDir, subscriptionPortalUrl } = loadConfig(environment);
      const { apiUrl } = await findRuntime(dataDir);
      if (subscriptionPortalUrl !== null) {
        throw new ConfigError(
          'SUBSCRIPTION_PORTAL_URL is set: tokens come from there, not from this service',
        );
      }
      if (apiUrl === null)
        throw new ConfigError(`No API runs on DATA_DIR ${dataDir}: start it first with "npm start"`);
      terminal.print(await signToken(await loadSigningKeys(dataDir), { issuer: apiUrl }));
    });

  const rotate = new Command('rotate')
    .description('Makes a new key that signs at once; the old one stays published for an hour.')
    .action(async () => {
      const { dataDir } = loadConfig(environment);
      await openDataDir(dataDir);
      const { kid, retiredKid, retiredUntil } = await rotateSigningKeys(dataDir);
      terminal.print(`${kid} signs from now on.`);
      terminal.print(`${retiredKid} stays published until ${new Date(retiredUntil).toISOString()}.`);
    });
  const keys = new Command('keys')
    .description("CustomersDot's keys, in DATA_DIR: processes that use them notice a change by themselves.")
    .addCommand(rotate);

  // Elsewhere GitLab makes groups.
  const create = new Command('create')
    .description('Makes a root group in the embedded database, to provision beside the demo group.')
    .argument('<path>', 'its path, e.g. my-group', groupPath)
    .option('--name <name>', 'its name; without it the path')
    .action(async (path: string, { name = path }: { name?: string }) => {
      const config = loadConfig(environment);
      if (config.gitlabDatabaseUrl !== null) {
        throw new ConfigError('GITLAB_DATABASE_URL is set: groups of that database are made by GitLab');
      }
      const { gitlabDatabaseUrl } = await findRuntime(config.dataDir);
      if (gitlabDatabaseUrl === null) {
        throw new ConfigError(
          `No embedded database runs on DATA_DIR ${config.dataDir}: start it first with "npm start"`,
        );
      }
      const { id, isNew } = await createNamespace(gitlabDatabaseUrl, path, name);
      if (!isNew) throw new ConfigError(`There is a group ${path} already: its id is ${id}`);
      terminal.print(`Group ${path} has the id ${id}.`);
    });
  const namespaces = new Command('namespaces')
    .description('Groups of the embedded database.')
    .addCommand(create);

  return [token, keys, namespaces];
}

/** As GitLab takes them (its `Gitlab::PathRegex`), on the level of a root group. */
function groupPath(value: string): string {
  if (/^[a-zA-Z0-9_.][a-zA-Z0-9_.-]*$/.test(value) && !/^\d+$|[.-]$/.test(value) && value.length <= 255)
    return value;
  throw new InvalidArgumentError(
    'It takes letters, digits, "_", "-" and ".", at least one letter, and no "-" or "." at the end.',
  );
}
