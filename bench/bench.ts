import { startContender, type Contender, type ContenderName } from './contenders';
import { startLoadGenerator, type LoadGenerator } from './measure';
import { startServers, type Servers } from './servers';

/** Everything that a mode of the bench works with. */
export interface Bench {
  servers: Servers;
  contenders: Contender[];
  generator: LoadGenerator;
  /** Tells the person who waits what is going on. */
  say(line: string): void;
}

/** Starts servers and contenders, lets `work` measure them, and stops everything, also after an error. */
export async function withBench(
  names: ContenderName[],
  work: (bench: Bench) => Promise<void>,
): Promise<void> {
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  say('starting PostgreSQL and Temporal');
  const servers = await startServers(names);
  const contenders: Contender[] = [];
  const generator = startLoadGenerator(servers.token);
  try {
    for (const name of names) {
      say(`starting ${name}`);
      contenders.push(await startContender(name, servers));
    }
    await work({ servers, contenders, generator, say });
  } finally {
    await generator.stop();
    for (const contender of contenders) await contender.stop();
    await servers.stop();
  }
}
