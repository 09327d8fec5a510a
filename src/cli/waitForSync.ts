import type { Pool } from 'pg';
import { followSync, type SyncOutcome, type SyncProgress } from '../cdot/follow';
import type { AuditedAttempt } from '../cdot/audit';
import type { Requested } from '../cdot/syncs';
import { isJsonObject } from '../domain/json';
import { SECTIONS } from '../domain/sections';
import type { RunLink } from './runtimeFile';
import { seconds, stateCell } from './syncsTable';
import { oneLine, paint, type Terminal } from './terminal';

/** How `--wait` ends the command. */
const EXIT_CODES = { completed: 0, partially_failed: 2, skipped: 3, failed: 1, started: 1 } as const;

/** Shows what happens to a sync and what it waits for, then its outcome section by section. @returns the exit code */
export async function waitForSync(
  pool: Pool,
  { sync, isLatest }: Requested,
  link: RunLink,
  terminal: Terminal,
): Promise<number> {
  const newestRun = link(`provision:${sync.namespaceId}`, null);
  const outcome = await followSync(pool, sync, isLatest, (progress) => {
    const line = describeProgress(progress, newestRun);
    if (line !== null) terminal.progress(oneLine(line));
  });
  for (const line of describeOutcome(sync.id, outcome, link, terminal.isColoured)) terminal.print(line);
  return outcome.kind === 'overtaken' ? EXIT_CODES.skipped : EXIT_CODES[outcome.attempt.state];
}

function describeProgress(progress: SyncProgress, newestRun: string | null): string | null {
  switch (progress.kind) {
    case 'no_worker':
      return 'No worker of CustomersDot runs on this database: the sync waits for one (npm start)';
    case 'queued':
      return 'Waiting for its turn: the workers of CustomersDot send other syncs';
    case 'unanswered':
      return `Waiting for the answer of the API${newestRun === null ? '' : `; the run: ${newestRun}`}`;
    case 'attempt': {
      const { id, try: tries, state, message, retry_at } = progress.attempt;
      if (state === 'started') return `Attempt ${id}, try ${tries}: sent`;
      if (retry_at === null) return null; // the outcome follows
      return `Attempt ${id}, try ${tries}: ${message ?? state}; again at ${retry_at}`;
    }
  }
}

function describeOutcome(syncId: number, outcome: SyncOutcome, link: RunLink, isColoured: boolean): string[] {
  if (outcome.kind === 'overtaken') {
    return [`Sync ${syncId}: ${paint('skipped', 'dim', isColoured)}, sync ${outcome.by} was sent instead`];
  }
  const { attempt } = outcome;
  const { http_status, duration_ms, message, workflow_id, run_id } = attempt;
  const status = http_status === null ? 'no answer' : `HTTP ${http_status}`;
  const { text, colour } = stateCell(attempt, 'retrying');
  const run = link(workflow_id, run_id);
  return [
    `Sync ${syncId}: ${paint(text, colour, isColoured)} (${status}, ${seconds(duration_ms ?? 0)})`,
    ...(message === null ? [] : [`  ${oneLine(message)}`]),
    ...sectionLines(attempt),
    ...(run === null ? [] : [`  Run: ${oneLine(run)}`]),
  ];
}

function sectionLines({ state, payload }: AuditedAttempt): string[] {
  if (!(state === 'completed' || state === 'partially_failed') || !isJsonObject(payload)) return [];
  const width = Math.max(...SECTIONS.map((section) => section.length));
  return SECTIONS.map((section) => `  ${section.padEnd(width)}  ${oneLine(describeEntry(payload[section]))}`);
}

function describeEntry(entry: unknown): string {
  if (entry === null || entry === undefined) return 'not asked';
  if (!isJsonObject(entry)) return JSON.stringify(entry);
  const { status, message } = entry;
  return [status, message].filter((text) => typeof text === 'string').join(': ');
}
