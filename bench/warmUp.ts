import type { Contender } from './contenders';
import type { LoadGenerator } from './measure';

/** Sends syncs until code is compiled and connections are open. */
export async function warmUp(generator: LoadGenerator, contender: Contender): Promise<void> {
  // The first one alone: it also inserts GitLab's add-on, which two at once would race for.
  await generator.measure(contender, { callers: 1 }, { syncs: 1 });
  await generator.measure(contender, { callers: 16 }, { seconds: 15 });
}
