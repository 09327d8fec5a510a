import { renderTable } from '../src/cli/table';
import type { ContenderName } from './contenders';
import type { Job } from './load/job';
import type { Row, SideBySide } from './sideBySide';

/** The results as a table and, below it, the ratios that the project cares about. */
export function report({ machine, rounds, seconds, rows, runs }: SideBySide): string {
  const table = renderTable(
    [
      'load',
      'contender',
      'p50',
      'p95',
      'p99',
      '±%',
      'syncs/s',
      'CPU service',
      'engine',
      'postgres',
      'events',
      'transitions',
    ],
    rows.map(({ load, contender, p50, p95, p99, spread, perSecond, cpu }) =>
      [
        loadName(load),
        contender,
        ...[p50, p95, p99].map((ms) => ms.toFixed(1)),
        rounds > 1 ? spread.toFixed(0) : '–',
        perSecond.toFixed(1),
        ...[cpu.service, cpu.engine, cpu.postgres].map((ms) => ms.toFixed(1)),
        String(runs[contender]?.events ?? '–'),
        String(runs[contender]?.transitions ?? '–'),
      ].map((text) => ({ text })),
    ),
    process.stdout.isTTY,
  );
  const { cpu, cores, memoryGiB, node, system, loadBefore } = machine;
  return [
    `${cores} × ${cpu}, ${memoryGiB} GiB, Node ${node}, ${system}; load average before: ${loadBefore.toFixed(1)}`,
    `Times in ms, CPU in ms per sync. Median of ${rounds} rounds of ${seconds} s; ±% is the spread of p50.`,
    '',
    ...table,
    '',
    ...ratios(rows),
    '',
  ].join('\n');
}

/** What the product is measured against: one figure of it over the same one of a peer, in the same run. */
const GOALS: { what: string; peer: ContenderName; callers: number; ratio: Ratio; goal: string }[] = [
  { what: 'p50', peer: 'naive', callers: 1, ratio: (own, peer) => peer.p50 / own.p50, goal: 'at least 4' },
  { what: 'p50', peer: 'dbos', callers: 1, ratio: (own, peer) => peer.p50 / own.p50, goal: 'at least 0.5' },
  {
    what: 'syncs/s',
    peer: 'naive',
    callers: 16,
    ratio: (own, peer) => own.perSecond / peer.perSecond,
    goal: 'at least 2.5',
  },
  {
    what: 'syncs/s',
    peer: 'dbos',
    callers: 16,
    ratio: (own, peer) => own.perSecond / peer.perSecond,
    goal: 'at least 0.4',
  },
];
type Ratio = (own: Row, peer: Row) => number;

function ratios(rows: Row[]): string[] {
  return GOALS.flatMap(({ what, peer, callers, ratio, goal }) => {
    const row = (name: ContenderName) =>
      rows.find(({ contender, load }) => contender === name && 'callers' in load && load.callers === callers);
    const other = row(peer);
    return (['product', 'product-fast'] as const).flatMap((name) => {
      const own = row(name);
      if (!own || !other) return [];
      const times = ratio(own, other).toFixed(2);
      return [`${name} is ${times} × ${peer} in ${what}, ${loadName(own.load)} (goal: ${goal})`];
    });
  });
}

/** A load in a few words. */
export function loadName(load: Job['load']): string {
  if ('perSecond' in load) return `${load.perSecond}/s`;
  return load.callers === 1 ? '1 caller' : `${load.callers} callers`;
}
