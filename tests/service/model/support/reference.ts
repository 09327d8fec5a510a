/**
 * The contract's section 4 once more, small and independent of the service's code: what one namespace holds, and what
 * each section makes of it. It knows only requests that are valid; `compensate` leaves nothing of the others.
 */
import { day } from '../../sections/support/fixtures';

export interface Subscription {
  plan: string | null;
  start_date: string | null;
  end_date: string | null;
  trial: boolean;
  trial_starts_on: string | null;
  trial_ends_on: string | null;
  seats: number;
  max_seats_used: number;
  seats_in_use: number;
  seats_owed: number;
  auto_renew: boolean | null;
  contract_overages_allowed: boolean;
  /** Has `max_seats_used_changed_at`; it is always today's. */
  stamped: boolean;
}

interface Purchase {
  add_on: number;
  quantity: number;
  started_at: string;
  expires_on: string;
  purchase_xid: string;
  trial: boolean;
}

/** Everything that the database holds about one namespace, but for keys and times. */
export interface State {
  fence: number | null;
  subscription: Subscription | null;
  histories: Omit<Subscription, 'seats_owed' | 'stamped'>[];
  seat_control: number;
  prevents_sharing: boolean;
  duo_core: boolean | null;
  limits: { size: number; ends_on: string | null } | null;
  minutes: { shared: number | null; extra: number | null; notified: boolean; notified_level: number | null };
  usage_level: number;
  purchases: Purchase[];
  /** Released follow-up work, by event. */
  outbox: Record<string, number>;
}

/** A namespace as `newNamespace` makes it. */
export const EMPTY: State = {
  fence: null,
  subscription: null,
  histories: [],
  seat_control: 0,
  prevents_sharing: false,
  duo_core: null,
  limits: null,
  minutes: { shared: null, extra: null, notified: false, notified_level: null },
  usage_level: 100,
  purchases: [],
  outbox: {},
};

export interface AddOn {
  quantity?: number;
  started_on: string;
  expires_on: string;
  purchase_xid?: string;
  trial?: boolean;
  new_subscription?: boolean;
}

export interface Provision {
  base_product?: Partial<Omit<Subscription, 'plan'>> & { plan_code?: string | null };
  storage?: {
    additional_purchased_storage_size?: number;
    additional_purchased_storage_ends_on?: string | null;
  };
  compute_minutes?: {
    shared_runners_minutes_limit?: number | null;
    extra_shared_runners_minutes_limit?: number | null;
  };
  add_on_purchases?: Record<string, AddOn[]>;
}

export const SECTIONS = ['base_product', 'storage', 'compute_minutes', 'add_on_purchases'] as const;
export type Section = (typeof SECTIONS)[number];

export const STEPS = [
  { step: 'updateSubscription', sections: ['base_product'] },
  { step: 'updateNamespaceLimits', sections: ['storage', 'compute_minutes'] },
  { step: 'upsertAddOnPurchases', sections: ['add_on_purchases'] },
] as const;

export function askedSections(provision: Provision): Section[] {
  return SECTIONS.filter((section) => Object.keys(provision[section] ?? {}).length > 0);
}

/** What a repeat of a sync goes by: whether its `max_seats_used` was overridden, and whose row each add-on took. */
export interface Memory {
  keepsMax: boolean;
  /** By name: the add-on that its row was in the end; null where there was nothing to do. */
  rows: Record<string, number | null>;
}

/**
 * The state after some sections of a valid sync, without the outcome, and the tables that it writes.
 * @param memory of the first time; null: this is the first
 */
export function applied(
  state: State,
  provision: Provision,
  sections: readonly Section[] = SECTIONS,
  memory: Memory | null = null,
): { state: State; written: Set<string>; memory: Memory } {
  const after = structuredClone(state);
  const written = new Set<string>();
  const next: Memory = structuredClone(memory ?? { keepsMax: false, rows: {} });
  const times = { memory, next };
  for (const section of askedSections(provision)) {
    if (sections.includes(section)) APPLY[section](after, provision, (table) => written.add(table), times);
  }
  return { state: after, written, memory: next };
}

/** Counts one follow-up. */
export function followUp({ outbox }: State, event: string): void {
  outbox[event] = (outbox[event] ?? 0) + 1;
}

type Times = { memory: Memory | null; next: Memory };
type Apply = (state: State, provision: Provision, writes: (table: string) => void, times: Times) => void;

const APPLY: Record<Section, Apply> = {
  base_product(state, { base_product = {} }, writes, { memory, next }) {
    const { plan_code, ...columns } = base_product;
    if (memory?.keepsMax) delete columns.max_seats_used;
    const plan = plan_code === undefined ? {} : { plan: plan_code ?? 'free' };
    const before = state.subscription;
    const after = { ...(before ?? { ...NEW_SUBSCRIPTION, start_date: day() }), ...columns, ...plan };
    const isChanged = before === null || !isSame(before, after);

    if (before !== null && isChanged) {
      const bothDates = before.start_date !== after.start_date && before.end_date !== after.end_date;
      const newTerm = bothDates && (before.end_date === null || (after.start_date ?? '') >= before.end_date);
      if (before.max_seats_used !== after.max_seats_used && !newTerm) after.stamped = true;
      if (isResetDue(state, before, after, newTerm)) {
        if (after.max_seats_used !== after.seats_in_use) next.keepsMax = true;
        after.max_seats_used = after.seats_in_use;
        after.seats_owed = isPaid(after) ? Math.max(0, after.seats_in_use - after.seats) : 0;
        after.stamped = true;
        followUp(state, 'refresh_seats');
      }
      const { seats_owed: _, stamped: __, ...history } = before;
      state.histories.push(history);
      writes('gitlab_subscription_histories');
      if (before.seats !== after.seats) followUp(state, 'reset_seat_callouts');
      if (newTerm) followUp(state, 'subscription_renewed');
    }
    if (isChanged) {
      writes('gitlab_subscriptions');
      if (PAID.includes(after.plan ?? '') && (after.end_date === null || after.end_date >= day()))
        followUp(state, 'index_namespace');
    }
    state.subscription = after;
    if (base_product.contract_overages_allowed === false && state.seat_control !== 2) {
      state.seat_control = 2;
      state.prevents_sharing = true;
      writes('namespace_settings');
      followUp(state, 'restricted_access_enabled');
    }
  },

  storage(state, { storage = {} }, writes) {
    const before = state.limits;
    const { additional_purchased_storage_size: size, additional_purchased_storage_ends_on: endsOn } = storage;
    state.limits = {
      size: size ?? before?.size ?? 0,
      ends_on: endsOn === undefined ? (before?.ends_on ?? null) : endsOn,
    };
    if (!isSame(before, state.limits)) writes('namespace_limits');
  },

  compute_minutes(state, { compute_minutes = {} }, writes) {
    const { minutes } = state;
    const { shared, extra } = minutes;
    const { shared_runners_minutes_limit: newShared, extra_shared_runners_minutes_limit: newExtra } =
      compute_minutes;
    if (newShared !== undefined) minutes.shared = newShared;
    if (newExtra !== undefined) minutes.extra = newExtra;
    if (minutes.shared === shared && minutes.extra === extra) return;
    writes('namespaces');
    if (newExtra !== undefined && newExtra !== null) {
      minutes.notified = false;
      minutes.notified_level = null;
    }
    if (state.usage_level !== 100) writes('ci_namespace_monthly_usages');
    state.usage_level = 100;
    if (newExtra !== undefined && newExtra !== null) followUp(state, 'tick_instance_runners');
    followUp(state, 'refresh_compute_minutes');
  },

  add_on_purchases(state, { add_on_purchases = {} }, writes, { memory, next }) {
    const enterpriseWins = (add_on_purchases['duo_enterprise']?.[0]?.quantity ?? 0) > 0;
    const stored = new Map(state.purchases.map((row) => [row.add_on, row]));
    const taken: Record<string, Purchase> = {};
    let [isAnyAsked, isAnyWritten] = [false, false];
    for (const [name, [element]] of Object.entries(add_on_purchases)) {
      if (element === undefined || (name === 'duo_pro' && enterpriseWins)) continue;
      isAnyAsked = true;
      const addOn = ADD_ONS[name] ?? 0;
      const shared = [3, 1];
      next.rows[name] = null;
      const remembered = memory?.rows[name];
      if (remembered === null) continue;
      const same = stored.get(remembered ?? 0);
      const row =
        same ??
        (shared.includes(addOn) ? shared : [addOn])
          .map((wanted) => state.purchases.find(({ add_on }) => add_on === wanted))
          .find((found) => found !== undefined);
      if (!same && (element.quantity ?? 0) <= 0 && row?.add_on !== addOn) continue;
      const { new_subscription, started_on, ...columns } = element;
      const values = { ...columns, add_on: addOn, started_at: started_on };
      const before = structuredClone(row);
      const after = row ?? ({ trial: false } as Purchase);
      if (!row) state.purchases.push(after);
      taken[name] = Object.assign(after, values);
      if (!isSame(before, after)) {
        isAnyWritten = true;
        writes('subscription_add_on_purchases');
      }
      if (name === 'duo_core' && new_subscription === true && state.duo_core === null) {
        state.duo_core = true;
        writes('namespace_settings');
        followUp(state, 'duo_core_enabled');
      }
    }
    for (const [name, row] of Object.entries(taken)) next.rows[name] = row.add_on;
    if (isAnyAsked && (!memory || isAnyWritten)) followUp(state, 'refresh_user_assignments');
  },
};

const ADD_ONS: Record<string, number> = {
  duo_pro: 1,
  secrets_manager: 8,
  duo_enterprise: 3,
  duo_core: 5,
};

const NEW_SUBSCRIPTION: Omit<Subscription, 'start_date'> = {
  plan: null,
  end_date: null,
  trial: false,
  trial_starts_on: null,
  trial_ends_on: null,
  seats: 0,
  max_seats_used: 0,
  seats_in_use: 0,
  seats_owed: 0,
  auto_renew: null,
  contract_overages_allowed: true,
  stamped: false,
};

const PAID = ['premium', 'ultimate', 'ultimate_trial_paid_customer'];
const TRIAL = 'ultimate_trial_paid_customer';

function isPaid({ plan, trial, seats }: Subscription): boolean {
  return !trial && seats > 0 && PAID.includes(plan ?? '');
}

function isResetDue({ histories }: State, before: Subscription, after: Subscription, newTerm: boolean) {
  if (before.plan === TRIAL || after.plan === TRIAL) {
    const premium = histories.findLast(({ plan }) => plan === 'premium');
    const isReturn =
      after.plan === 'premium' &&
      premium?.start_date === after.start_date &&
      premium?.end_date === after.end_date;
    return before.plan !== after.plan && after.plan !== TRIAL && !isReturn;
  }
  const isStale = after.stamped && after.start_date !== null && day() < after.start_date;
  return isPaid(after) && (newTerm || (before.trial !== after.trial && !after.trial) || isStale);
}

function isSame(one: object | null | undefined, other: object): boolean {
  const values = (of: object) => JSON.stringify(Object.entries(of).sort());
  return one !== null && one !== undefined && values(one) === values(other);
}
