import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Contender } from './contenders';
import { cpuUsed } from './cpu';
import type { Job, JobResult } from './load/job';
import { nodeArguments } from './processes';
import { median, percentile } from './statistics';

/** One contender under one load for a few seconds. Times in milliseconds. */
export interface Measurement {
  syncs: number;
  perSecond: number;
  p50: number;
  p95: number;
  p99: number;
  /** CPU per sync by process. */
  cpu: Record<keyof Contender['processes'], number>;
}

/** Puts load on contenders. */
export interface LoadGenerator {
  measure(contender: Contender, load: Job['load'], until: Job['until']): Promise<Measurement>;
  stop(): Promise<void>;
}

// Higher than any number of syncs of one job: `sync_id`s of a namespace only ever rise.
const SYNCS_PER_JOB = 1_000_000;

export function startLoadGenerator(token: () => Promise<string>): LoadGenerator {
  const [file = '', ...execArgv] = nodeArguments('load/generator.ts').toReversed();
  const child = fork(file, { execArgv: execArgv.toReversed(), stdio: 'inherit' });
  let firstSync = 1;
  const run = async (job: Job): Promise<JobResult> => {
    child.send(job);
    const [answer] = (await once(child, 'message')) as [{ result?: JobResult; error?: string }];
    if (!answer.result) throw new Error(answer.error);
    return answer.result;
  };
  return {
    measure: async ({ label, url, processes }, load, until) => {
      firstSync += SYNCS_PER_JOB;
      const job = { url, token: await token(), firstSync, load, until };
      const before = cpuUsed(processes);
      const { latencies, seconds } = await run(job).catch((error: Error) => {
        throw new Error(`${label}: ${error.message}`);
      });
      const after = cpuUsed(processes);
      const syncs = latencies.length;
      const cpu = (process: keyof Contender['processes']) => (after[process] - before[process]) / syncs;
      const sorted = latencies.toSorted((a, b) => a - b);
      return {
        syncs,
        perSecond: syncs / seconds,
        p50: percentile(sorted, 50),
        p95: percentile(sorted, 95),
        p99: percentile(sorted, 99),
        cpu: { service: cpu('service'), engine: cpu('engine'), postgres: cpu('postgres') },
      };
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return; // Ctrl-C reaches it, too
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

/** Each figure's median over several rounds. */
export function medians(rounds: Measurement[]): Measurement {
  const of = (value: (measurement: Measurement) => number) => median(rounds.map(value));
  return {
    syncs: of(({ syncs }) => syncs),
    perSecond: of(({ perSecond }) => perSecond),
    p50: of(({ p50 }) => p50),
    p95: of(({ p95 }) => p95),
    p99: of(({ p99 }) => p99),
    cpu: {
      service: of(({ cpu }) => cpu.service),
      engine: of(({ cpu }) => cpu.engine),
      postgres: of(({ cpu }) => cpu.postgres),
    },
  };
}
