import type { VNode } from 'preact';
import type { Entitlements } from '../../db/auditEntitlements';
import { addOnName } from '../../domain/catalogue';
import { Facts, Table } from './page';

const NONE = <span class="none">none</span>;
const yesNo = (value: boolean | null) => (value === null ? NONE : value ? 'yes' : 'no');
/** `from` to `to`; an open end is said in words. */
const term = (from: string | null, to: string | null) => `${from ?? 'open'} to ${to ?? 'open end'}`;
const count = (value: number | string | null, unit = '') =>
  value === null ? NONE : `${Number(value).toLocaleString('en')}${unit}`;

/** What the namespace has now: subscription, limits and minutes, purchases of add-ons. */
export function EntitlementsNow({ subscription, limits, addOnPurchases }: Entitlements): VNode {
  return (
    <section>
      <h2>Entitlements now</h2>
      <div class="cards">
        <section class="card">
          <h3>Subscription</h3>
          {subscription ? <Subscription {...subscription} /> : <p>This namespace has no subscription.</p>}
        </section>
        <section class="card">
          <h3>Limits</h3>
          <Facts
            facts={{
              'Purchased storage': count(limits.additional_purchased_storage_size, ' MiB'),
              'Storage until': limits.additional_purchased_storage_ends_on ?? NONE,
              'Minutes a month':
                limits.shared_runners_minutes_limit === null
                  ? 'instance default'
                  : count(limits.shared_runners_minutes_limit),
              'Purchased minutes': count(limits.extra_shared_runners_minutes_limit),
            }}
          />
        </section>
        <section class="card wide">
          <h3>Add-on purchases</h3>
          {addOnPurchases.length === 0 ? (
            <p>This namespace has purchased no add-ons.</p>
          ) : (
            <Table
              name="Add-on purchases"
              caption="By add-on, with the days of their term"
              head={['Add-on', 'Quantity', 'Term', 'Purchase']}
            >
              {addOnPurchases.map((purchase) => (
                <tr>
                  <th scope="row">{shownAddOn(purchase.subscription_add_on_uid)}</th>
                  <td>
                    {count(purchase.quantity)}
                    {purchase.trial && ' (trial)'}
                  </td>
                  <td>
                    {term(purchase.started_at, purchase.expires_on)}
                    {purchase.is_expired && ' (over)'}
                  </td>
                  <td>
                    <code>{purchase.purchase_xid}</code>
                  </td>
                </tr>
              ))}
            </Table>
          )}
        </section>
      </div>
    </section>
  );
}

function shownAddOn(uid: number): string {
  return addOnName(uid) ?? `add-on ${uid}`;
}

function Subscription(subscription: NonNullable<Entitlements['subscription']>): VNode {
  return (
    <Facts
      facts={{
        Plan: <strong>{subscription.plan ?? NONE}</strong>,
        Seats: count(subscription.seats),
        'Seats in use': `${subscription.seats_in_use}, at most ${subscription.max_seats_used ?? 0} so far`,
        Term: term(subscription.start_date, subscription.end_date),
        Trial:
          subscription.trial === true ? term(subscription.trial_starts_on, subscription.trial_ends_on) : 'no',
        'Renews itself': yesNo(subscription.auto_renew),
        Overages: subscription.contract_overages_allowed ? 'allowed' : 'not allowed',
      }}
    />
  );
}
