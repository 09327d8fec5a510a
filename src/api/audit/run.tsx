import type { VNode } from 'preact';
import type { AuditedFollowUp } from '../../db/auditFollowUps';
import type { AuditedRun } from '../../db/auditRuns';
import { SECTIONS } from '../../domain/sections';
import { StepDiff } from './diff';
import { FollowUps } from './followUps';
import { Badge, OutcomeBadge, SectionBadge } from './outcome';
import { Facts, Time } from './page';

/** One sync of the time-line: how it ended and why, what each step changed, and when GitLab was told what to do next. */
export function Run(props: {
  run: AuditedRun;
  followUps: AuditedFollowUp[];
  url: string;
  isOpen: boolean;
}): VNode {
  const { run, followUps, url, isOpen } = props;
  const { outcome, steps, syncId, durationS } = run;
  const isUndone = steps.some(({ undoneAt }) => undoneAt !== null);
  const rows = steps.reduce((count, { changes }) => count + changes.length, 0);
  return (
    <article class="card run">
      <h3>
        {syncId === null ? 'Sync without id' : `Sync ${syncId}`} <OutcomeBadge outcome={outcome} />{' '}
        {isUndone && <Badge word="undone" tone="warn" />}
      </h3>
      <p class="subtitle">
        <Time at={run.endedAt ?? run.recordedAt} />
        {durationS !== null && `, took ${Math.max(0, durationS).toFixed(durationS < 10 ? 2 : 0)} s`}
      </p>
      {!outcome && <p>It goes on, or it was terminated: its page in Temporal tells.</p>}
      {outcome && 'payload' in outcome && outcome.status !== 'skipped' ? (
        <Sections payload={outcome.payload} />
      ) : (
        outcome?.message && <p class="message">{outcome.message}</p>
      )}
      <Facts
        facts={{
          Run: <a href={url}>{run.runId}</a>,
          'Correlation id': run.correlationId === null ? 'none' : <code>{run.correlationId}</code>,
        }}
      />
      {followUps.length > 0 && (
        <details open={isOpen}>
          <summary>Follow-up work</summary>
          <FollowUps followUps={followUps} />
        </details>
      )}
      {steps.length > 0 && (
        <details open={isOpen}>
          <summary>
            {rows === 0 ? 'No row changed' : `${rows} ${rows === 1 ? 'row' : 'rows'} changed`}
            {isUndone && ', and undone'}
          </summary>
          {steps.map((step) => (
            <StepDiff step={step} />
          ))}
        </details>
      )}
    </article>
  );
}

function Sections({
  payload,
}: {
  payload: Extract<AuditedRun['outcome'], { payload: unknown }>['payload'];
}): VNode {
  return (
    <ul class="sections" aria-label="Sections">
      {SECTIONS.map((section) => {
        const entry = payload[section];
        return (
          entry && (
            <li>
              <code>{section}</code> <SectionBadge status={entry.status} />{' '}
              {entry.status === 'error' && <span class="message">{entry.message}</span>}
            </li>
          )
        );
      })}
    </ul>
  );
}
