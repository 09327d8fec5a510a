import type { ServiceClient } from '../../../support/client';
import { fullSync } from '../../../support/syncs';
import type { TemporalProbe } from '../../../support/temporal';
import { recordOutcomeOf } from './outcome';
import { ledgerFault } from './ledgerFaults';
import { payload, signalRaw, startRaw } from './raw';
import { resetRun } from './reset';

/** One service, what it runs on, and a namespace in it that no other run has used. */
interface Ground {
  client: ServiceClient;
  temporal: TemporalProbe;
  id: string;
}

/** Makes a run of the namespace take one way, and ends when the run has ended. */
type Path = (ground: Ground) => Promise<unknown>;

const STEPS = ['updateSubscription', 'updateNamespaceLimits', 'upsertAddOnPurchases'] as const;
const TABLES = {
  updateSubscription: 'gitlab_subscriptions',
  updateNamespaceLimits: 'namespace_limits',
  upsertAddOnPurchases: 'subscription_add_on_purchases',
} as const;

const REFUSED = {
  base_product: { seats: -1 },
  storage: { additional_purchased_storage_size: null },
  compute_minutes: { extra_shared_runners_minutes_limit: 2 ** 40 },
  add_on_purchases: { duo_pro: [{ quantity: 0 }] },
};

const sync =
  (provision: object = fullSync(3)): Path =>
  async ({ client, temporal, id }) => {
    await client.provision(id, provision, 1);
    await temporal.ended(id);
  };

/** A sync one of whose steps fails as long as `meanwhile` runs; then everything is well. */
const stuckAt =
  (place: string, pending: string, meanwhile: Path = async () => undefined): Path =>
  async (ground) => {
    const { client, temporal, id } = ground;
    await ledgerFault(client, id, place, '40001');
    const answer = client.provision(id, fullSync(3), 1);
    await temporal.pendingActivity(id, pending);
    await meanwhile(ground);
    await client.heal(id);
    await answer;
    await temporal.ended(id); // a caller whose wait was over has not seen the end
  };

/** A sync whose step fails, for good, with the SQLSTATE. */
const failing =
  (step: (typeof STEPS)[number], sqlState: string, provision?: object): Path =>
  async (ground) => {
    await ground.client.fault(ground.id, TABLES[step], sqlState);
    await sync(provision)(ground);
  };

const cancel: Path = ({ temporal, id }) => temporal.handle(id).cancel();
const newerSync: Path = ({ temporal, id }) => temporal.handle(id).signal('newerSync', 2);

const byHand =
  (input: (id: string) => unknown): Path =>
  async ({ temporal, id }) => {
    const workflowId = `provision:${id}`;
    const options = { workflowId, taskQueue: 'provisioning', args: [input(id)] };
    await temporal.client.workflow.start('provisionNamespace', options);
    await temporal.ended(id);
  };

/** A sync whose namespace is deleted while one of its steps is tried again. */
const namespaceDeleted: Path = async ({ client, temporal, id }) => {
  await client.fault(id, 'subscription_add_on_purchases', '40001');
  const answer = client.provision(id, fullSync(3), 1);
  await temporal.pendingActivity(id, 'upsertAddOnPurchases');
  await client.rows('DELETE FROM namespaces WHERE id = $1', [id]);
  await answer;
  await temporal.ended(id);
};

const perStep = (name: string, path: (step: (typeof STEPS)[number]) => Path): Record<string, Path> =>
  Object.fromEntries(STEPS.map((step) => [`${name}_${step}`, path(step)]));

/** Every way that a run can take, under `compensate` … */
export const COMPENSATE: Record<string, Path> = {
  success: sync(),
  nothing_asked: sync({}),
  one_section: sync({ compute_minutes: { shared_runners_minutes_limit: 5 } }),
  ...Object.fromEntries(
    Object.entries(REFUSED).map(([section, values]) => [
      `refused_${section}`,
      sync({ ...fullSync(3), [section]: values }),
    ]),
  ),
  refused_several: sync(REFUSED),

  ...perStep('rolled_back_from', (step) => failing(step, '23514')),
  ...perStep('bug_in', (step) => failing(step, 'XX000')),
  bug_in_recordOutcome: async (ground) => {
    await ledgerFault(ground.client, ground.id, 'recordOutcome', 'XX000');
    await sync()(ground);
  },

  retried_admitSync: stuckAt('admitSync', 'admitSync'),
  ...perStep('retried', (step) => stuckAt(step, step)),
  retried_recordOutcome: stuckAt('recordOutcome', 'recordOutcome'),
  retried_then_rolled_back: stuckAt('upsertAddOnPurchases', 'upsertAddOnPurchases', async (ground) => {
    const { client, temporal, id } = ground;
    await client.rows(
      `UPDATE test_faults SET target = 'subscription_add_on_purchases', errcode = '23514' WHERE namespace_id = $1`,
      [id],
    );
    await temporal.ended(id);
  }),
  retried_compensation: async (ground) => {
    await ground.client.fault(ground.id, 'subscription_add_on_purchases', '23514');
    await stuckAt('undo updateNamespaceLimits', 'restoreNamespaceLimits')(ground);
  },
  compensation_kept_a_row: async (ground) => {
    const { client, id } = ground;
    await client.fault(id, 'subscription_add_on_purchases', '23514');
    await stuckAt('undo updateNamespaceLimits', 'restoreNamespaceLimits', () =>
      client.rows(
        'UPDATE namespace_limits SET additional_purchased_storage_size = 1 WHERE namespace_id = $1',
        [id],
      ),
    )(ground);
  },

  superseded_at_admission: async (ground) => {
    await ground.client.provision(ground.id, fullSync(3), 5);
    await ground.temporal.ended(ground.id);
    await byHand((id) => ({ namespace_id: id, sync_id: 4, provision: fullSync(3) }))(ground);
  },
  superseded_at_the_fence: stuckAt('upsertAddOnPurchases', 'upsertAddOnPurchases', ({ client, id }) =>
    client.rows('UPDATE provisioning.fences SET sync_id = 9 WHERE namespace_id = $1', [id]),
  ),
  asked_to_stop: stuckAt('updateNamespaceLimits', 'updateNamespaceLimits', newerSync),
  asked_to_stop_in_admission: stuckAt('admitSync', 'admitSync', newerSync),
  asked_to_stop_in_compensation: async (ground) => {
    await ground.client.fault(ground.id, 'subscription_add_on_purchases', '23514');
    await stuckAt('undo updateSubscription', 'restoreSubscription', newerSync)(ground);
  },
  asked_to_stop_by_an_older_sync: stuckAt('updateSubscription', 'updateSubscription', ({ temporal, id }) =>
    temporal.handle(id).signal('newerSync', 1),
  ),

  cancelled: stuckAt('updateNamespaceLimits', 'updateNamespaceLimits', cancel),
  cancelled_in_admission: stuckAt('admitSync', 'admitSync', cancel),
  cancelled_in_compensation: async (ground) => {
    await ground.client.fault(ground.id, 'subscription_add_on_purchases', '23514');
    await stuckAt('undo updateSubscription', 'restoreSubscription', cancel)(ground);
  },
  cancelled_too_late: stuckAt('upsertAddOnPurchases', 'upsertAddOnPurchases', async (ground) => {
    await recordOutcomeOf(ground.client, ground.id);
    await cancel(ground);
  }),
  cancelled_in_recordOutcome: stuckAt('recordOutcome', 'recordOutcome', cancel),

  reset: async ({ client, temporal, id }) => {
    const answer = await client.provision(id, fullSync(3), 1);
    const runId = await resetRun(temporal, id, answer.headers.get('x-provision-run-id') ?? '');
    await temporal.handle(id, runId).result();
  },
  by_hand: byHand((id) => ({ namespace_id: Number(id), sync_id: 1, provision: fullSync(3) })),
  by_hand_invalid: byHand((id) => ({ namespace_id: id, provision: { base_product: { seats: 'x' } } })),
  by_hand_unreadable: async ({ temporal, id }) => {
    await startRaw(temporal, `provision:${id}`, [payload('x', 'binary/weird')]);
    await temporal.ended(id);
  },
  signal_unreadable: stuckAt('updateSubscription', 'updateSubscription', ({ temporal, id }) =>
    signalRaw(temporal, `provision:${id}`, 'newerSync', [payload('x', 'binary/weird')]),
  ),
  namespace_deleted: namespaceDeleted,
};

/** … and under `independent`, where it differs. */
export const INDEPENDENT: Record<string, Path> = {
  independent_success: sync(),
  independent_refused: sync({ ...fullSync(3), storage: REFUSED.storage }),
  independent_refused_several: sync(REFUSED),
  independent_refused_by_the_database: failing('updateNamespaceLimits', '23514'),
  independent_retried: stuckAt('updateNamespaceLimits', 'updateNamespaceLimits'),
  independent_asked_to_stop: stuckAt('upsertAddOnPurchases', 'upsertAddOnPurchases', newerSync),
  independent_cancelled: stuckAt('upsertAddOnPurchases', 'upsertAddOnPurchases', cancel),
  independent_bug: failing('updateNamespaceLimits', 'XX000'),
  independent_namespace_deleted: namespaceDeleted,
};
