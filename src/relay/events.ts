import type { EventForm } from '../db/deliveries';

/** A job of GitLab, in Sidekiq's terms. */
interface Job {
  class: string;
  args: (namespaceId: number | string) => unknown[];
  /** Tries of Sidekiq, as the class has them: `true` is its default, 25. */
  retry: true | number;
}

/** What GitLab has to do once a sync has its outcome (contract 4.6). */
export interface FollowUpEvent {
  /** Completes "nothing tells GitLab to …". */
  work: string;
  /** Null: GitLab has no job that does it. Only webhooks get the event. */
  job: Job | null;
}

const job = (name: string): Job => ({ class: name, args: (namespaceId) => [namespaceId], retry: true });

/** Every event that sections and runs write, with its job in GitLab 19.5. docs/relay.md names the source of each. */
export const EVENTS: Record<string, FollowUpEvent> = {
  reset_seat_callouts: {
    work: 'show callouts about used seats again',
    job: job('Groups::ResetSeatCalloutsWorker'),
  },
  subscription_renewed: {
    work: 'turn failed pull mirrors on again',
    job: {
      class: 'PullMirrors::ReenableConfigurationWorker',
      args: (namespaceId) => ['GitlabSubscriptions::RenewedEvent', { namespace_id: namespaceId }],
      retry: true,
    },
  },
  index_namespace: {
    work: 'index the namespace for search',
    job: {
      class: 'ElasticNamespaceIndexerWorker',
      args: (namespaceId) => [namespaceId, 'index'],
      retry: 2,
    },
  },
  refresh_user_assignments: {
    work: 'refresh the user assignments of add-ons',
    job: job('GitlabSubscriptions::AddOnPurchases::RefreshUserAssignmentsWorker'),
  },
  duo_core_enabled: {
    work: 'announce Duo Core',
    job: job('GitlabSubscriptions::GitlabCom::DuoCoreTodoNotificationWorker'),
  },
  enable_code_review_flow: {
    work: 'switch the code review flow on',
    job: job('GitlabSubscriptions::Duo::EnableCodeReviewFlowWorker'),
  },
  tick_instance_runners: { work: 'have instance runners ask for jobs again', job: null },
  refresh_seats: { work: 'count the seats in use before its own schedule does', job: null },
  refresh_compute_minutes: { work: 'look at the new compute minutes', job: null },
  restricted_access_enabled: { work: 'act on restricted access', job: null },
};

/** The ways to GitLab. */
export type SinkName = 'sidekiq' | 'webhook';

function takes(sink: SinkName, event: string): boolean {
  const known = EVENTS[event];
  return known !== undefined && (sink === 'webhook' || known.job !== null);
}

/** The forms that these sinks have. */
export function formsOf(sinks: readonly SinkName[]): EventForm[] {
  return sinks.flatMap((sink) =>
    Object.keys(EVENTS)
      .filter((event) => takes(sink, event))
      .map((event) => ({ event, sink })),
  );
}

/** What is not done where only these sinks are set: one line each, without secrets. */
export function gaps(sinks: readonly SinkName[]): string[] {
  if (sinks.length === 0) {
    const work = Object.values(EVENTS).map((event) => event.work);
    return [
      'neither OUTBOX_SIDEKIQ_REDIS_URL nor OUTBOX_WEBHOOK_URL is set: follow-up work stays in the outbox until one is, ' +
        `and nothing tells GitLab to ${work.join(', ')}`,
      jobless('OUTBOX_WEBHOOK_URL is needed for'),
    ];
  }
  if (!sinks.includes('sidekiq')) return [];
  return [
    jobless(
      sinks.includes('webhook') ? 'only the webhook gets' : 'OUTBOX_WEBHOOK_URL is not set: nobody gets',
    ),
  ];
}

function jobless(what: string): string {
  const names = Object.keys(EVENTS).filter((event) => !takes('sidekiq', event));
  return `${what} the events that GitLab has no job for: ${names.join(', ')}`;
}
