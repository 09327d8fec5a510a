import { setTimeout as sleep } from 'node:timers/promises';
import { withBench } from './bench';
import type { Entry } from './contenders';
import { runSize, type RunSize } from './history';
import type { Job } from './load/job';
import { describeMachine, type Machine } from './machine';
import { medians, type Measurement } from './measure';
import { spread } from './statistics';
import { warmUp } from './warmUp';

export interface SideBySideOptions {
  contenders: Entry[];
  loads: Job['load'][];
  rounds: number;
  /** Of each measurement. */
  seconds: number;
}

/** One contender under one load: the median over all rounds. */
export interface Row extends Measurement {
  /** Its label. */
  contender: string;
  load: Job['load'];
  /** Half of what lies between the fastest and the slowest round, in percent of the median p50. */
  spread: number;
}

export interface SideBySide {
  at: string;
  machine: Machine;
  rounds: number;
  seconds: number;
  rows: Row[];
  /** What a sync costs Temporal, for those who use it. */
  runs: Record<string, RunSize>;
}

// What one contender leaves to its servers to finish must not be charged to the next.
const PAUSE_MS = 500;
// While others had their turns it was idle: connections were closed, and memory may have been taken from it.
const WAKE_S = 3;

/** Measures the contenders in turns, round by round, so that what disturbs the machine meets all of them alike. */
export async function sideBySide(options: SideBySideOptions): Promise<SideBySide> {
  const { rounds, seconds, loads } = options;
  const result: SideBySide = {
    at: new Date().toISOString(),
    machine: describeMachine(),
    rounds,
    seconds,
    rows: [],
    runs: {},
  };
  await withBench(options.contenders, async ({ contenders, generator, say }) => {
    for (const contender of contenders) {
      say(`warming up ${contender.label}`);
      await warmUp(generator, contender);
    }
    const turns = loads.flatMap((load) =>
      contenders.map((contender) => ({ contender, load, measured: [] as Measurement[] })),
    );
    for (let round = 1; round <= rounds; round++) {
      say(`round ${round} of ${rounds}`);
      for (const { contender, load, measured } of turns) {
        await sleep(PAUSE_MS);
        await generator.measure(contender, load, { seconds: WAKE_S });
        measured.push(await generator.measure(contender, load, { seconds }));
      }
    }
    result.rows = turns.map(({ contender, load, measured }) => ({
      contender: contender.label,
      load,
      ...medians(measured),
      spread: spread(measured.map(({ p50 }) => p50)),
    }));
    for (const contender of contenders) {
      const run = await runSize(contender);
      if (run) result.runs[contender.label] = run;
    }
  });
  return result;
}
