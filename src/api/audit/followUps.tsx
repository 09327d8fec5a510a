import type { VNode } from 'preact';
import type { AuditedDelivery, AuditedFollowUp } from '../../db/auditFollowUps';
import { Badge } from './outcome';
import { Time } from './page';

/** What GitLab had to do after a run, and when each sink was given it. */
export function FollowUps({ followUps }: { followUps: AuditedFollowUp[] }): VNode {
  return (
    <ul class="sections" aria-label="Follow-up work">
      {followUps.map((followUp) => (
        <li>
          <code>{followUp.event}</code> <Place followUp={followUp} />
        </li>
      ))}
    </ul>
  );
}

function Place({ followUp: { released_at, relayed_at, deliveries } }: { followUp: AuditedFollowUp }): VNode {
  if (released_at === null) return <>waits for the outcome of its run</>;
  if (relayed_at === null) return <>waits for a sink that takes it</>;
  if (deliveries.length === 0) return <>was given up</>;
  return (
    <>
      {deliveries.map((delivery, index) => (
        <>
          {index > 0 && ' · '}
          <Delivery {...delivery} />
        </>
      ))}
    </>
  );
}

function Delivery({ sink, attempts, delivered_at, set_aside_at, error }: AuditedDelivery): VNode {
  if (delivered_at !== null) {
    return (
      <>
        to {sink} <Time at={delivered_at} />
      </>
    );
  }
  return (
    <>
      {sink} <Badge word={set_aside_at === null ? 'not yet' : 'set aside'} tone="warn" />
      {attempts > 0 && ` after ${attempts} ${attempts === 1 ? 'try' : 'tries'}: ${error}`}
    </>
  );
}
