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

/** GitLab's add-ons by their stored number (`subscription_add_on_uid`). The first name is the one that is shown. */
export const ADD_ONS = [
  { uid: 1, names: ['duo_pro', 'code_suggestions'], description: 'Add-on for GitLab Duo Pro.' },
  { uid: 3, names: ['duo_enterprise'], description: 'Add-on for GitLab Duo Enterprise.' },
  { uid: 4, names: ['duo_amazon_q'], description: 'Add-on for GitLab Duo with Amazon Q.' },
  { uid: 5, names: ['duo_core'], description: 'Add-on for GitLab Duo Core.' },
  {
    uid: 6,
    names: ['self_hosted_dap'],
    description: 'Add-on for GitLab Duo Agent Platform Self-Hosted.',
  },
  { uid: 7, names: ['gitlab_credits'], description: 'Add-on for GitLab Credits.' },
  { uid: 8, names: ['secrets_manager'], description: 'Add-on for GitLab Secrets Manager.' },
  { uid: 9, names: ['flex_offline'], description: 'Add-on for GitLab Flex Offline.' },
] as const;

/** Duo Pro and Duo Enterprise share one purchase row, which moves from one to the other (contract 4.4, rule 4). */
const DUO_PRO = 1;
const DUO_ENTERPRISE = 3;

export const DUO_CORE = 5;

const BY_NAME = new Map<string, (typeof ADD_ONS)[number]>(
  ADD_ONS.flatMap((addOn) => addOn.names.map((name) => [name, addOn] as const)),
);

/** The number of an add-on by a name in a request; undefined for a name that is not known. */
export function addOnUid(name: string): number | undefined {
  return BY_NAME.get(name)?.uid;
}

/** The name of an add-on by its number; undefined for one that is not known. */
export function addOnName(uid: number): string | undefined {
  return ADD_ONS.find((addOn) => addOn.uid === uid)?.names[0];
}

/** The description for a `subscription_add_ons` row that has to be created (contract 4.4, rule 10). */
export function addOnDescription(uid: number): string {
  return ADD_ONS.find((addOn) => addOn.uid === uid)?.description ?? `Add-on ${uid}.`;
}

/** The add-ons whose purchase row a request for `name` takes, the first that exists (contract 4.4, rule 4). */
export function addOnsLookedUp(name: string, uid: number): number[] {
  return name === 'duo_pro' || name === 'duo_enterprise' ? [DUO_ENTERPRISE, DUO_PRO] : [uid];
}
