import { Command, InvalidArgumentError } from 'commander';
import { ConfigError, loadConfig } from '../config/config';
import { createNamespace } from '../local/gitlabDatabase';
import { findRuntime } from './runtimeFile';
import { processTerminal } from './terminal';

/** The command `namespaces`, for the embedded database, where there is no GitLab to make groups. */
export function namespacesCommand(environment: NodeJS.ProcessEnv): Command {
  const terminal = processTerminal(environment);
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
  return new Command('namespaces').description('Groups of the embedded database.').addCommand(create);
}

/** As GitLab takes them (its `Gitlab::PathRegex`), on the level of a root group. */
function groupPath(value: string): string {
  if (/^[a-zA-Z0-9_.][a-zA-Z0-9_.-]*$/.test(value) && !/^\d+$|[.-]$/.test(value) && value.length <= 255)
    return value;
  throw new InvalidArgumentError(
    'It takes letters, digits, "_", "-" and ".", at least one letter, and no "-" or "." at the end.',
  );
}
