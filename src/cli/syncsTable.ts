import type { AuditedAttempt, AuditedSync } from '../cdot/audit';
import type { Change } from '../cdot/changes';
import { oneLine, renderTable, type Cell, type Colour } from './table';

const HEADER = [
  'SYNC',
  'NAMESPACE',
  'RECORDED',
  'CHANGED',
  'ATTEMPT',
  'SENT',
  'TOOK',
  'STATE',
  'HTTP',
  'OUTCOME',
  'RUN',
];

/** The audit as a table: a line for each attempt, what belongs to its sync on the first of them. */
export function syncsTable(syncs: AuditedSync[], isColoured: boolean): string {
  if (syncs.length === 0) return 'No syncs.';
  const rows = syncs.flatMap((sync) => {
    const about = [
      String(sync.sync_id),
      sync.namespace_id,
      shortTime(sync.created_at),
      changed(sync.changes),
    ];
    const attempts = sync.attempts.length === 0 ? [NOT_SENT] : sync.attempts.map(attemptCells);
    return attempts.map((cells, index) => [
      ...about.map((text): Cell => ({ text: index === 0 ? text : '' })),
      ...cells,
    ]);
  });
  return renderTable(HEADER, rows, isColoured).join('\n');
}

/** The colour in which a state is shown. */
export const STATE_COLOURS: Record<AuditedAttempt['state'], Colour> = {
  started: 'dim',
  completed: 'green',
  partially_failed: 'yellow',
  failed: 'red',
  skipped: 'dim',
};

const NOT_SENT: Cell[] = [{ text: '-' }, { text: '' }, { text: '' }, { text: 'waiting', colour: 'dim' }];
const MAX_LENGTH = 64;

function attemptCells(attempt: AuditedAttempt): Cell[] {
  return [
    { text: String(attempt.id) },
    { text: shortTime(attempt.created_at) },
    { text: attempt.duration_ms === null ? '' : seconds(attempt.duration_ms) },
    { text: attempt.state, colour: STATE_COLOURS[attempt.state] },
    { text: attempt.http_status === null ? '' : String(attempt.http_status) },
    { text: oneLine(outcome(attempt), MAX_LENGTH) },
    { text: oneLine(attempt.run_url ?? '') },
  ];
}

function outcome({ message, retry_at }: AuditedAttempt): string {
  const retry = retry_at === null ? [] : [`again at ${shortTime(retry_at)}`];
  return [...(message === null ? [] : [message]), ...retry].join('; ');
}

function changed(changes: Change[] | null): string {
  if (changes === null) return 'first';
  return oneLine(changes.map(describeChange).join(', '), MAX_LENGTH);
}

function describeChange(change: Change): string {
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
