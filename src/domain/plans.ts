/** GitLab's plans by their stored number (`hosted_plan_name_uid`). `isPaid`: contract 4.1, the list of paid plans. */
export const PLANS = [
  { uid: 1, name: 'default', isPaid: false },
  { uid: 2, name: 'free', isPaid: false },
  { uid: 3, name: 'bronze', isPaid: true },
  { uid: 4, name: 'silver', isPaid: true },
  { uid: 5, name: 'premium', isPaid: true },
  { uid: 6, name: 'gold', isPaid: true },
  { uid: 7, name: 'ultimate', isPaid: true },
  { uid: 8, name: 'ultimate_trial', isPaid: true },
  { uid: 9, name: 'premium_trial', isPaid: true },
  { uid: 10, name: 'ultimate_trial_paid_customer', isPaid: true },
  { uid: 11, name: 'opensource', isPaid: true },
  { uid: 12, name: 'early_adopter', isPaid: false },
] as const;

export const FREE = 2;
export const PREMIUM = 5;
export const ULTIMATE_TRIAL_PAID_CUSTOMER = 10;

/** The number of a plan by its name; undefined for one that is not known. */
export function planUid(name: string): number | undefined {
  return PLANS.find((plan) => plan.name === name)?.uid;
}

/** The name of a plan by its number; undefined for one that is not known. */
export function planName(uid: number): string | undefined {
  return PLANS.find((plan) => plan.uid === uid)?.name;
}

/** Whether a plan costs money, trials included (contract 4.1). */
export function isPaidPlan(uid: number | null): boolean {
  return PLANS.some((plan) => plan.uid === uid && plan.isPaid);
}
