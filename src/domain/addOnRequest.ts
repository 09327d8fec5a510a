import { isEmptyElement, readElement, type ReadElement } from './addOnElement';
import type { AddOnError } from './addOnErrors';
import type { AddOnElement, AddOnValue } from './addOnInput';
import { addOnEnum } from './addOnNames';
import type { AddOnPurchases } from './provision';

/** What is asked for one add-on. */
export interface AddOnRequest {
  name: string;
  /** The enum of `name`. */
  addOn: number;
  /** The first element, the only one that counts (contract 4.4, rule 3). */
  first: ReadElement;
  /** What is wrong with the values of all elements (contract 4.4, rule 0). */
  errors: AddOnError[];
}

/**
 * Reads what was sent under a name of `add_on_purchases`: a request, a message when it cannot be one, or null when
 * there is nothing in it (contract 4.4, rule 1).
 */
export function readAddOn(name: string, value: AddOnValue): AddOnRequest | string | null {
  const addOn = addOnEnum(name);
  if (addOn === undefined) return `'${name}' is not a valid name`;
  const elements = elementsOf(value);
  if (elements === null) return `'${name}' must be an array of objects`;
  const read = elements.map(readElement);
  const [first] = read;
  if (first === undefined || elements.every(isEmptyElement)) return null;
  return { name, addOn, first, errors: read.flatMap(({ errors }) => errors) };
}

/** True when the first `duo_enterprise` element has a quantity above 0: `duo_pro` is then skipped (4.4, rule 2). */
export function asksForEnterprise(attrs: AddOnPurchases): boolean {
  const [first] = elementsOf(attrs['duo_enterprise'] ?? null) ?? [];
  return first !== undefined && readElement(first).asksForUnits;
}

function elementsOf(value: AddOnValue): AddOnElement[] | null {
  if (value === null) return [];
  return Array.isArray(value) ? value : null;
}
