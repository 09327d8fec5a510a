import type { AuditedNamespace, Entitlements } from '../../db/auditEntitlements';
import type { AuditedFollowUp } from '../../db/auditFollowUps';
import type { AuditedChange, AuditedRun } from '../../db/auditRuns';
import { Charts } from './charts';
import { EntitlementsNow } from './entitlements';
import { renderPage } from './page';
import { Run } from './run';

/** What one namespace has, and the time-line of its syncs. */
export function namespacePage(props: {
  id: string;
  /** Null: it was deleted; its history is still there. */
  namespace: AuditedNamespace | null;
  entitlements: Entitlements | null;
  runs: AuditedRun[];
  hasOlder: boolean;
  /** By run. */
  followUps: Map<string, AuditedFollowUp[]>;
  /** The position that this page begins after; null on the newest. */
  before: string | null;
  changes: AuditedChange[];
  runUrl: (workflowId: string, runId: string) => string;
  /** Milliseconds since 1970: where the charts end. */
  now: number;
}): string {
  const { id, namespace, entitlements, runs, hasOlder, followUps, before, changes, runUrl, now } = props;
  const name = namespace?.name ?? `Namespace ${id}`;
  return renderPage(
    name,
    <>
      <h1>{name}</h1>
      {namespace ? (
        <p class="subtitle">
          {namespace.type} <code>{namespace.path}</code> · id {id}
        </p>
      ) : (
        <p>This namespace does not exist any more. Its history does.</p>
      )}
      {namespace?.parent_id && (
        <p>
          It is no root namespace: what it may use was given to{' '}
          <a href={`/namespaces/${namespace.parent_id}`}>a group above it</a>.
        </p>
      )}
      {entitlements && <EntitlementsNow {...entitlements} />}
      <Charts changes={changes} now={now} />
      <section>
        <h2 id="syncs">Syncs{before !== null && ', continued'}</h2>
        {runs.length === 0 && <p>No {before === null ? '' : 'older '}sync of this namespace was admitted.</p>}
        <ol class="runs">
          {runs.map((run, index) => (
            <li>
              <Run
                run={run}
                followUps={followUps.get(run.runId) ?? []}
                url={runUrl(run.workflowId, run.runId)}
                isOpen={before === null && index === 0}
              />
            </li>
          ))}
        </ol>
        <nav class="pages" aria-label="Pages of the time-line">
          {before !== null && <a href={`/namespaces/${id}#syncs`}>Newest syncs</a>}
          {hasOlder && (
            <a rel="next" href={`/namespaces/${id}?before=${runs.at(-1)?.position ?? ''}#syncs`}>
              Older syncs
            </a>
          )}
        </nav>
      </section>
    </>,
  );
}
