/** The stored enum (`subscription_add_ons.name`) of the name in a request (contract 4.4). */
const ENUM_OF_NAME = new Map<string, number>([
  ['duo_pro', 1],
  ['code_suggestions', 1],
  ['product_analytics', 2],
  ['duo_enterprise', 3],
  ['duo_amazon_q', 4],
  ['duo_core', 5],
  ['self_hosted_dap', 6],
  ['gitlab_credits', 7],
]);

const DESCRIPTION_OF_ENUM = new Map<number, string>([
  [1, 'Add-on for GitLab Duo Pro.'],
  [2, 'Add-on for product analytics.'],
  [3, 'Add-on for GitLab Duo Enterprise.'],
  [4, 'Add-on for GitLab Duo with Amazon Q.'],
  [5, 'Add-on for GitLab Duo Core.'],
  [6, 'Add-on for the self-hosted Duo Agent Platform.'],
  [7, 'Add-on for GitLab Credits.'],
]);

/** Duo Pro and Duo Enterprise share one purchase row, which moves from one to the other (contract 4.4, rule 4). */
const DUO_PRO = 1;
const DUO_ENTERPRISE = 3;

export const DUO_CORE = 5;

/** The stored enum of an add-on by the name in a request; undefined for a name that is refused. */
export function addOnEnum(name: string): number | undefined {
  return ENUM_OF_NAME.get(name);
}

/** The name of an add-on by its stored enum, the first of its names; undefined for one that is not known. */
export function addOnName(addOn: number): string | undefined {
  return [...ENUM_OF_NAME].find(([, value]) => value === addOn)?.[0];
}

/** The description for a `subscription_add_ons` row that has to be created (contract 4.4, rule 10). */
export function addOnDescription(addOn: number): string {
  return DESCRIPTION_OF_ENUM.get(addOn) ?? `Add-on ${addOn}.`;
}

/** The add-ons whose purchase row a request for `name` takes, the first that exists (contract 4.4, rule 4). */
export function addOnsLookedUp(name: string, addOn: number): number[] {
  return name === 'duo_pro' || name === 'duo_enterprise' ? [DUO_ENTERPRISE, DUO_PRO] : [addOn];
}
