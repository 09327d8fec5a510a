import type { Provision } from '../domain/provision';
import type { StepName, UndoName } from '../domain/sections';

/** One line about a run, shown in the list of runs. */
export function runSummary(namespaceId: string, syncId: number | null, provision: Provision): string {
  const sync = syncId === null ? 'sync without id' : `sync ${syncId}`;
  const plan = provision.base_product?.plan_code;
  return [`namespace ${namespaceId}`, sync, ...(plan === undefined ? [] : [`plan ${plan ?? 'free'}`])]
    .join(' · ')
    .slice(0, MAX_SUMMARY);
}

/** One line about a step, shown in the run's history. */
export function stepSummary(step: StepName, provision: Provision): string {
  const {
    base_product: subscription,
    storage,
    compute_minutes: minutes,
    add_on_purchases: addOns,
  } = provision;
  switch (step) {
    case 'updateSubscription':
      return parts('Subscription', {
        plan: subscription?.plan_code,
        seats: subscription?.seats,
        until: subscription?.end_date,
      });
    case 'updateNamespaceLimits':
      return parts('Limits', {
        'storage MiB': storage?.additional_purchased_storage_size,
        minutes: minutes?.shared_runners_minutes_limit,
        'extra minutes': minutes?.extra_shared_runners_minutes_limit,
      });
    case 'upsertAddOnPurchases':
      return `Add-ons: ${Object.keys(addOns ?? {}).join(', ')}`.slice(0, MAX_SUMMARY);
  }
}

/** One line about a compensation. */
export function undoSummary(undo: UndoName): string {
  const SUBJECTS = {
    restoreSubscription: 'the subscription',
    restoreNamespaceLimits: 'the limits',
    restoreAddOnPurchases: 'the add-on purchases',
  };
  return `Put back ${SUBJECTS[undo]}`;
}

// The server refuses longer ones; a request may name hundreds of add-ons.
const MAX_SUMMARY = 200;

/** @param values not checked yet if a person has started the run */
function parts(subject: string, values: Record<string, unknown>): string {
  const sent = Object.entries(values).filter(([, value]) => value !== undefined);
  const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const text = sent.map(([name, value]) => `${name} ${value === null ? 'none' : shown(value)}`).join(', ');
  return `${subject}: ${text || 'as sent'}`.slice(0, MAX_SUMMARY);
}
