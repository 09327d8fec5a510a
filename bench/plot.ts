import { loadName } from './report';
import type { Row, SideBySide } from './sideBySide';

// A panel per load, a line per contender: from p50 (dot) over p95 (tick) to p99 (end), on a logarithmic scale.
const PANEL = { width: 400, left: 92, right: 46, top: 34, line: 22, bottom: 30 };
const COLUMNS = 2;
const INK = '#24292f';
const FAINT = '#d0d7de';

/** The latencies of all contenders as an SVG picture. */
export function plot({ rows, rounds, seconds }: SideBySide): string {
  const loads = [...new Set(rows.map(({ load }) => loadName(load)))];
  const panels = loads.map((load) => rows.filter((row) => loadName(row.load) === load));
  const [from, to] = decades(rows);
  const height = PANEL.top + PANEL.bottom + PANEL.line * Math.max(...panels.map((panel) => panel.length));
  const title = 46;
  const size = { width: COLUMNS * PANEL.width, height: title + Math.ceil(panels.length / COLUMNS) * height };
  const drawn = panels.map((panel, index) => {
    const [x, y] = [(index % COLUMNS) * PANEL.width, title + Math.floor(index / COLUMNS) * height];
    return `<g transform="translate(${x},${y})">${drawPanel(loads[index] ?? '', panel, from, to)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" font-family="sans-serif" font-size="11" fill="${INK}">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="14" y="22" font-size="14" font-weight="bold">One sync, from request to answer, in milliseconds</text>`,
    `<text x="14" y="38">dot: p50 (with its value), tick: p95, end of line: p99; median of ${rounds} rounds of ${seconds} s</text>`,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

/** The powers of ten around all that is shown. */
function decades(rows: Row[]): [number, number] {
  const shown = rows.flatMap(({ p50, p99 }) => [p50, p99]).map(Math.log10);
  return [Math.floor(Math.min(...shown)), Math.ceil(Math.max(...shown))];
}

function drawPanel(title: string, rows: Row[], from: number, to: number): string {
  const bottom = PANEL.top + rows.length * PANEL.line;
  const span = PANEL.width - PANEL.left - PANEL.right;
  const x = (ms: number) => (PANEL.left + ((Math.log10(ms) - from) / (to - from)) * span).toFixed(1);
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  const grid = ticks.map(
    (ms) =>
      `<path d="M${x(ms)} ${PANEL.top - 4}V${bottom}" stroke="${FAINT}"/>` +
      `<text x="${x(ms)}" y="${bottom + 14}" text-anchor="middle">${ms}</text>`,
  );
  const lines = rows.map(({ contender, p50, p95, p99 }, index) => {
    const y = PANEL.top + (index + 0.5) * PANEL.line;
    const isOwn = contender.startsWith('product');
    const colour = isOwn ? '#cf5c00' : '#57606a';
    return (
      `<text x="${PANEL.left - 8}" y="${y + 4}" text-anchor="end"${isOwn ? ' font-weight="bold"' : ''}>${contender}</text>` +
      `<path d="M${x(p50)} ${y}H${x(p99)}M${x(p95)} ${y - 4}v8" stroke="${colour}" stroke-width="2"/>` +
      `<circle cx="${x(p50)}" cy="${y}" r="4" fill="${colour}"/>` +
      `<text x="${Number(x(p99)) + 6}" y="${y + 4}" fill="${colour}">${p50 < 10 ? p50.toFixed(1) : p50.toFixed(0)}</text>`
    );
  });
  const heading = `<text x="${PANEL.left}" y="20" font-weight="bold">${title}</text>`;
  return [heading, ...grid, ...lines].join('');
}
