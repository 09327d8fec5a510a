import type { VNode } from 'preact';
import type { AuditedChange } from '../../db/auditRuns';
import { isoOf, Table, Time } from './page';
import { seriesOf, type Series } from './series';

const WIDTH = 220;
const HEIGHT = 110;
/** The drawing leaves room for the labels above and below. */
const TOP = 20;
const BOTTOM = 88;
const SIDE = 6;

const number = (value: number | null) => (value === null ? 'none' : value.toLocaleString('en'));

/** Seats, minutes and storage over time, as syncs have set them; each chart also as a table. */
export function Charts({ changes, now }: { changes: AuditedChange[]; now: number }): VNode | null {
  const series = seriesOf(changes);
  if (series.length === 0) return null;
  return (
    <section>
      <h2>Set by syncs over time</h2>
      <div class="charts">
        {series.map((one) => (
          <Chart {...one} now={now} />
        ))}
      </div>
      <details>
        <summary>The same as tables</summary>
        {series.map(({ title, points }) => (
          <Table name={title} caption={title} head={['Time', 'By', 'Before', 'After']}>
            {points.map(({ at, cause, from, to }) => (
              <tr>
                <th scope="row">
                  <Time at={at} />
                </th>
                <td>{cause}</td>
                <td>{number(from)}</td>
                <td>{number(to)}</td>
              </tr>
            ))}
          </Table>
        ))}
      </details>
    </section>
  );
}

function Chart({ title, points, now }: Series & { now: number }): VNode {
  const [first] = points;
  const last = points.at(-1) ?? first;
  const begin = timeOf(first.at);
  const span = Math.max(now - begin, 1_000);
  // The value from before the first change gets a little room, too.
  const x = (time: number) => round(SIDE + ((time - begin + span / 8) / (span * 1.125)) * (WIDTH - 2 * SIDE));
  const values = points.flatMap(({ from, to }) => [from ?? 0, to ?? 0]);
  const [low, high] = [Math.min(0, ...values), Math.max(1, ...values)];
  const y = (value: number) => round(BOTTOM - ((value - low) / (high - low)) * (BOTTOM - TOP));

  let line = '';
  let [time, value] = [begin - span / 8, first.from];
  for (const { at, to } of [...points.map(({ at, to }) => ({ at: timeOf(at), to })), { at: now, to: null }]) {
    if (value !== null) line += `M${x(time)} ${y(value)}H${x(at)}${to === null ? '' : `V${y(to)}`}`;
    [time, value] = [at, to];
  }
  const summary = `${title}: ${points.length} ${points.length === 1 ? 'change' : 'changes'}, from ${number(first.from)} to ${number(last.to)}`;
  return (
    <figure class="card">
      <figcaption>
        {title} <strong>{number(last.to)}</strong>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={summary}>
        <path class="grid" d={`M${SIDE} ${y(high)}H${WIDTH - SIDE}M${SIDE} ${y(0)}H${WIDTH - SIDE}`} />
        <text x={SIDE} y={TOP - 6}>
          {number(high)}
        </text>
        <text x={SIDE} y={HEIGHT - 6}>
          {first.at.slice(0, 10)}
        </text>
        <text x={WIDTH - SIDE} y={HEIGHT - 6} text-anchor="end">
          now
        </text>
        <path class="line" d={line} />
        {points.map(({ at, to, cause }) => (
          <circle cx={x(timeOf(at))} cy={y(to ?? 0)} r="3.5" class={to === null ? 'gone' : undefined}>
            <title>{`${at.slice(0, 19)} UTC, ${cause}: ${number(to)}`}</title>
          </circle>
        ))}
      </svg>
    </figure>
  );
}

function timeOf(at: string): number {
  return Date.parse(isoOf(at));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
