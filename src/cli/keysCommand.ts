import { Command } from 'commander';
import { loadConfig } from '../config/config';
import { rotateSigningKeys } from '../issuer/rotate';
import { openDataDir } from './dataDir';
import { processTerminal } from './terminal';

/** The command `keys`, about the keys that sign tokens. */
export function keysCommand(environment: NodeJS.ProcessEnv): Command {
  const terminal = processTerminal(environment);
  const rotate = new Command('rotate')
    .description('Makes a new key that signs at once; the old one stays published for an hour.')
    .action(async () => {
      const { dataDir } = loadConfig(environment);
      await openDataDir(dataDir);
      const { kid, retiredKid, retiredUntil } = await rotateSigningKeys(dataDir);
      terminal.print(`${kid} signs from now on.`);
      terminal.print(`${retiredKid} stays published until ${new Date(retiredUntil).toISOString()}.`);
    });
  return new Command('keys')
    .description("CustomersDot's keys, in DATA_DIR: processes that use them notice a change by themselves.")
    .addCommand(rotate);
}
