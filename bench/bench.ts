import { backendOf, startContender, type Contender, type Entry } from './contenders';
import { startLoadGenerator, type LoadGenerator } from './measure';
import { startServers, type Servers } from './servers';
import type { Backend } from './temporalServers';

/** Everything that a mode of the bench works with. */
export interface Bench {
  servers: Servers;
  contenders: Contender[];
  generator: LoadGenerator;
  /** Tells the person who waits what is going on. */
  say(line: string): void;
}

/**
 * Starts servers and contenders, lets `work` measure them, and stops everything, also after an error.
 * @param nodeFlags more flags for the Node of each contender's service
 */
export async function withBench(
  entries: Entry[],
  work: (bench: Bench) => Promise<void>,
  nodeFlags: string[] = [],
): Promise<void> {
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  say('starting the servers');
  const on = (backend: Backend) => {
    const namespaces = entries.filter(({ name }) => backendOf(name) === backend).map(({ label }) => label);
    return namespaces.length > 0 ? { [backend]: namespaces } : {};
  };
  const servers = await startServers({ ...on('sqlite'), ...on('postgres') });
  const contenders: Contender[] = [];
  const generator = startLoadGenerator(servers.token);
  const stop = async () => {
    await generator.stop();
    for (const contender of contenders.splice(0)) await contender.stop();
    await servers.stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(1)));
  }
  try {
    for (const entry of entries) {
      say(`starting ${entry.label}`);
      contenders.push(await startContender(entry, servers, nodeFlags));
    }
    await work({ servers, contenders, generator, say });
  } finally {
    await stop();
  }
}
