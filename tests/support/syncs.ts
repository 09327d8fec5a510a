/** A sync with all four sections; `seats` tells one from another. */
export function fullSync(seats: number) {
  return {
    base_product: { plan_code: 'ultimate', seats, start_date: '2026-01-01', end_date: '2027-01-01' },
    storage: { additional_purchased_storage_size: seats * 1024 },
    compute_minutes: { extra_shared_runners_minutes_limit: seats * 100 },
    add_on_purchases: {
      duo_pro: [
        { quantity: seats, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: `A-${seats}` },
      ],
    },
  };
}
