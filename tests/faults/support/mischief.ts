import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually';
import { rotateUnderForgedTraffic } from './forgery';
import type { Cluster, Way } from './cluster';
import type { Random } from './random';

const WAYS: readonly Way[] = [
  'client-api',
  'api-postgres',
  'worker-postgres',
  'pooler-postgres',
  'api-temporal',
  'worker-temporal',
];

/** What runs are found by in Temporal. */
export const SEARCH_ATTRIBUTES = [
  'GitlabNamespaceId',
  'SyncId',
  'ProvisionOutcome',
  'RefusedSections',
  'Compensated',
] as const;

type Fault = (cluster: Cluster, random: Random) => Promise<string>;

const pause = (random: Random, from: number, to: number) => sleep(random.between(from, to));

/** What can happen to the parts. Each fault is over, and the way clear again, when its promise resolves. */
const FAULTS: Record<string, Fault> = {
  'kill worker': async ({ worker }) => {
    worker.kill();
    return '';
  },
  'kill API': async ({ api }) => {
    api.kill();
    return '';
  },
  'kill both': async ({ api, worker }) => {
    api.kill();
    worker.kill();
    return '';
  },
  'stop worker': async ({ worker }) => {
    worker.restart();
    return '';
  },
  'stop API': async ({ api }) => {
    api.restart();
    return '';
  },
  'restart PostgreSQL': async ({ postgres }, random) => {
    await postgres.stop();
    await pause(random, 0, 1500);
    await postgres.start();
    return '';
  },
  'kill PostgreSQL': async ({ postgres }, random) => {
    await postgres.kill();
    await pause(random, 0, 1000);
    await postgres.start();
    return '';
  },
  'restart Temporal': async ({ temporal }, random) => {
    await temporal.stop();
    await pause(random, 0, 1000);
    await temporal.start();
    return '';
  },
  'kill Temporal': async ({ temporal }, random) => {
    await temporal.kill();
    await pause(random, 0, 1000);
    await temporal.start();
    return '';
  },
  'wipe Temporal': async ({ temporal }, random) => {
    await temporal.stop();
    await temporal.wipe();
    await pause(random, 0, 1000);
    await temporal.start();
    return '';
  },
  'lose search attributes': async ({ temporal }, random) => {
    const names = SEARCH_ATTRIBUTES.filter(() => random.next() < 0.5);
    await temporal.operate(
      'search-attribute',
      'remove',
      '--yes',
      ...names.flatMap((name) => ['--name', name]),
    );
    return names.join(' ');
  },
  'reset connections': async ({ ways }, random) => {
    const way = random.pick(WAYS);
    ways[way].reset();
    return way;
  },
  'cut the way': async ({ ways }, random) => {
    const way = random.pick(WAYS);
    await ways[way].refuse();
    await pause(random, 100, 2000);
    await ways[way].accept();
    return way;
  },
  'half-open': async ({ ways }, random) => {
    const way = random.pick(WAYS);
    ways[way].stall();
    await pause(random, 500, 6000);
    ways[way].resume();
    return way;
  },
  latency: async ({ ways }, random) => {
    const way = random.pick(WAYS);
    ways[way].latencyMs = random.between(5, 60);
    ways[way].reset();
    await pause(random, 500, 1500);
    ways[way].latencyMs = 0;
    ways[way].reset();
    return way;
  },
  'clock skew': async ({ apiClock }, random) => {
    if (apiClock === null) return 'not here';
    const seconds = random.pick([-10, 10]);
    apiClock.set(seconds);
    await pause(random, 1000, 3000);
    apiClock.set(0);
    return `${seconds} s`;
  },
  'restart pooler': async ({ pooler }) => {
    await pooler?.restart();
    return pooler ? '' : 'not here';
  },
  'rotation under forged traffic': async (cluster) => {
    await rotateUnderForgedTraffic(cluster);
    return '';
  },
};

// Kills come more often than the rest: they are what this is about.
const MENU = [
  ...Array<string>(5).fill('kill worker'),
  ...Array<string>(4).fill('kill API'),
  ...Array<string>(2).fill('kill both'),
  ...Object.keys(FAULTS).filter((name) => !/^kill (worker|API|both)$/.test(name)),
];

const MOST_FAULTS = 40;

/**
 * Does harm, one fault after the other, until told to stop. The next one strikes when both parts are up again: what
 * is dead already cannot be killed, and nobody recovers faster than a process starts.
 * @returns what it did, in order
 */
export async function makeMischief(
  cluster: Cluster,
  random: Random,
  isOver: () => boolean,
): Promise<string[]> {
  const done: string[] = [];
  // Bounded: on a busy machine each fault may cost more time than the syncs gain between two of them.
  while (!isOver() && done.length < MOST_FAULTS) {
    await pause(random, 50, 900);
    await eventually(async () => cluster.api.isUp && cluster.worker.isUp, 'API and worker are up', 60_000);
    const name = random.pick(MENU);
    const where = (await FAULTS[name]?.(cluster, random)) ?? '';
    done.push(where === '' ? name : `${name} (${where})`);
  }
  return done;
}
