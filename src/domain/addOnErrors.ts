/** The fields of an add-on purchase as messages name them, in the order in which GitLab judges them (contract 4.5). */
const FIELDS = [
  'Expires on',
  'Started at',
  'Namespace',
  'Subscription add on',
  'Quantity',
  'Purchase xid',
  'Trial',
] as const;

export type AddOnField = (typeof FIELDS)[number];

/** What is wrong with one field, e.g. `can't be blank`. */
export interface AddOnError {
  field: AddOnField;
  problem: string;
}

/**
 * One sentence with a full stop for all errors of one add-on: field by field, each said once
 * (`A.`, `A and B.`, `A, B, and C.`, contract 4.5). `errors` must not be empty.
 */
export function addOnSentence(errors: AddOnError[]): string {
  const said = FIELDS.flatMap((field) =>
    errors.filter((error) => error.field === field).map(({ problem }) => `${field} ${problem}`),
  );
  const [first = '', ...others] = new Set(said);
  const last = others.pop();
  if (last === undefined) return `${first}.`;
  return others.length === 0 ? `${first} and ${last}.` : `${[first, ...others].join(', ')}, and ${last}.`;
}
