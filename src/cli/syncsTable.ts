import type { AttributeChange, AuditedAttempt, AuditedSync } from '../cdot/audit';
import type { RunLink } from './runtimeFile';
import { fitTable, renderTable, type Cell, type Column } from './table';
import { oneLine, type Colour, type Terminal } from './terminal';

const COLUMNS: readonly Column[] = [
  { title: 'SYNC' },
  { title: 'NAMESPACE' },
  { title: 'RECORDED', spare: 6 },
  { title: 'CHANGED', min: 16, spare: 3 },
  { title: 'ATTEMPT', spare: 4 },
  { title: 'SENT', spare: 2 },
  { title: 'TOOK', spare: 5 },
  { title: 'STATE' },
  { title: 'HTTP', spare: 1 },
  { title: 'OUTCOME', min: 16 },
  { title: 'RUN', spare: 7 },
];

/**
 * The audit as a table: a line for each attempt, what belongs to its sync on the first of them. Where the terminal is too
 * narrow, texts are cut and columns left out.
 */
export function syncsTable(
  syncs: AuditedSync[],
  link: RunLink,
  { isColoured, width }: Pick<Terminal, 'isColoured' | 'width'>,
): string {
  if (syncs.length === 0) return 'No syncs.';
  const rows = syncs.flatMap((sync) => {
    const about = [
      String(sync.sync_id),
      sync.namespace_id,
      shortTime(sync.created_at),
      changed(sync.changes),
    ];
    const last = sync.is_latest ? 'retrying' : 'overtaken';
    const attempts = sync.attempts.map((attempt, index, { length }) =>
      attemptCells(attempt, index < length - 1 ? 'retried' : last, link),
    );
    if (attempts.length === 0) attempts.push(notSent(sync.is_latest ? 'waiting' : 'overtaken'));
    return attempts.map((cells, index) => [
      ...about.map((text): Cell => ({ text: index === 0 ? text : '' })),
      ...cells,
    ]);
  });
  const [columns, fitting] = width === null ? [COLUMNS, rows] : fitTable(COLUMNS, rows, width);
  const header = columns.map(({ title }) => title);
  return renderTable(header, fitting, isColoured).join('\n');
}

/** The audit as JSON: an array of syncs with their attempts, each with the page of its run. */
export function syncsJson(syncs: AuditedSync[], link: RunLink): string {
  const linked = syncs.map((sync) => ({
    ...sync,
    attempts: sync.attempts.map((attempt) => ({
      ...attempt,
      run_url: link(attempt.workflow_id, attempt.run_id),
    })),
  }));
  return JSON.stringify(linked, null, 2);
}

/**
 * The state of an attempt in words and in its colour.
 * @param next what becomes of the sync if it is not given up
 */
export function stateCell(
  { state, retry_at }: Pick<AuditedAttempt, 'state' | 'retry_at'>,
  next: Next,
): Required<Cell> {
  if (state !== 'failed') return { text: state, colour: COLOURS[state] };
  return retry_at === null ? { text: 'given up', colour: 'red' } : { text: next, colour: 'yellow' };
}

type Next = 'retrying' | 'retried' | 'overtaken';

const COLOURS: Record<Exclude<AuditedAttempt['state'], 'failed'>, Colour> = {
  started: 'dim',
  completed: 'green',
  partially_failed: 'yellow',
  skipped: 'dim',
};

function notSent(state: string): Cell[] {
  return [{ text: '-' }, { text: '' }, { text: '' }, { text: state, colour: 'dim' }];
}

function attemptCells(attempt: AuditedAttempt, next: Next, link: RunLink): Cell[] {
  return [
    { text: String(attempt.id) },
    { text: shortTime(attempt.created_at) },
    { text: attempt.duration_ms === null ? '' : seconds(attempt.duration_ms) },
    stateCell(attempt, next),
    { text: attempt.http_status === null ? '' : String(attempt.http_status) },
    { text: oneLine(outcome(attempt)) },
    { text: oneLine(link(attempt.workflow_id, attempt.run_id) ?? '') },
  ];
}

function outcome({ message, retry_at }: AuditedAttempt): string {
  const retry = retry_at === null ? [] : [`again at ${shortTime(retry_at)}`];
  return [...(message === null ? [] : [message]), ...retry].join('; ');
}

function changed(changes: AttributeChange[] | null): string {
  if (changes === null) return 'first';
  return oneLine(changes.map(describeChange).join(', '));
}

function describeChange(change: AttributeChange): string {
  const before = 'before' in change ? JSON.stringify(change.before) : 'unset';
  const after = 'after' in change ? JSON.stringify(change.after) : 'unset';
  return `${change.path} ${before} → ${after}`;
}

/** A duration for people. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 0)} s`;
}

/** To the second, in UTC. */
function shortTime(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}Z`;
}
