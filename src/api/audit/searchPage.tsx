import type { VNode } from 'preact';
import type { AuditedOutcome } from '../../db/auditOutcomes';
import { OutcomeBadge } from './outcome';
import { renderPage, Table, Time } from './page';

type RunUrl = (workflowId: string, runId: string) => string;

/** Where to look first: the newest failures and the newest syncs of all namespaces. */
export function searchPage(props: {
  failures: AuditedOutcome[];
  outcomes: AuditedOutcome[];
  runUrl: RunUrl;
}): string {
  const { failures, outcomes, runUrl } = props;
  return renderPage(
    'Syncs',
    <>
      <h1>What namespaces got</h1>
      <p>Open a namespace by its id or full path, or begin with what happened last.</p>
      <Outcomes
        title="Recent failures"
        none="No sync was refused, cancelled or failed."
        rows={failures}
        runUrl={runUrl}
      />
      <Outcomes title="Recent syncs" none="No sync has ended yet." rows={outcomes} runUrl={runUrl} />
    </>,
  );
}

function Outcomes(props: { title: string; none: string; rows: AuditedOutcome[]; runUrl: RunUrl }): VNode {
  const { title, none, rows, runUrl } = props;
  return (
    <section class="card list">
      <h2>{title}</h2>
      {rows.length === 0 ? (
        <p>{none}</p>
      ) : (
        <Table
          name={title}
          caption="Newest first"
          head={['Namespace', 'Sync', 'Outcome', 'Message', 'Ended', 'Run']}
        >
          {rows.map(({ created_at, namespace_id, path, sync_id, outcome, workflow_id, run_id }) => (
            <tr>
              <th scope="row">
                <a href={`/namespaces/${namespace_id}`}>{path ?? `${namespace_id} (deleted)`}</a>
              </th>
              <td>{sync_id ?? '–'}</td>
              <td>
                <OutcomeBadge outcome={outcome} />
              </td>
              <td class="message">{outcome.message}</td>
              <td>
                <Time at={created_at} />
              </td>
              <td>
                <a href={runUrl(workflow_id, run_id)}>Temporal</a>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
