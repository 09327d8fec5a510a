/** How many namespaces each contender's database has (a multiple of every number of callers), and the id of the first. */
export const NAMESPACES = { count: 1_920, first: 10_001 };

/** A sync with all four sections. `n` is its `sync_id`; neighbours differ in each section, so each of them writes. */
export function fullSync(n: number) {
  const amount = 1 + (n % 9_973);
  return {
    sync_id: n,
    provision: {
      base_product: {
        plan_code: 'ultimate',
        seats: amount,
        start_date: '2026-01-01',
        end_date: '2027-01-01',
      },
      storage: { additional_purchased_storage_size: amount * 1024 },
      compute_minutes: { extra_shared_runners_minutes_limit: amount * 100 },
      add_on_purchases: {
        duo_pro: [
          {
            quantity: amount,
            started_on: '2026-01-01',
            expires_on: '2027-01-01',
            purchase_xid: `A-${amount}`,
          },
        ],
      },
    },
  };
}

/** The answer to a sync that was applied in full, letter by letter. */
export const SUCCESS = JSON.stringify({
  status: 'success',
  message: null,
  payload: {
    base_product: { status: 'success' },
    storage: { status: 'success' },
    compute_minutes: { status: 'success' },
    add_on_purchases: { status: 'success' },
  },
});
