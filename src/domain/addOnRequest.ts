import {
  type AddOnElement,
  type AddOnValue,
  isEmptyElement,
  readElement,
  type ReadElement,
  type AddOnError,
} from './addOnElement';
import { addOnUid } from './catalogue';
import type { AddOnPurchases } from './provision';

/** What is asked under one name. */
export type AddOnRequest =
  /** Nothing that would have to be done (contract 4.4, rule 1). */
  | { kind: 'nothing' }
  /** No request at all; the message is already worded. */
  | { kind: 'refused'; message: string }
  | AddOnUnknown
  | AddOnAsked;

/** A name that is not known; `message` is null where nothing is asked of it. */
export interface AddOnUnknown {
  kind: 'unknown';
  name: string;
  message: string | null;
}

/** What is asked for one add-on. */
export interface AddOnAsked {
  kind: 'asked';
  name: string;
  /** The number of the add-on that `name` means. */
  uid: number;
  /** The first element, the only one that counts (contract 4.4, rule 3). */
  first: ReadElement;
  /** What is wrong with the values of all elements (contract 4.4, rule 0). */
  errors: AddOnError[];
}

/** Reads what was sent under a name of `add_on_purchases`. */
export function readAddOn(name: string, value: AddOnValue): AddOnRequest {
  const uid = addOnUid(name);
  const elements = elementsOf(value);
  if (elements === null) {
    const message = `'${name}' must be an array of objects`;
    return uid === undefined ? { kind: 'unknown', name, message } : { kind: 'refused', message };
  }
  const read = elements.map(readElement);
  const [first] = read;
  if (first === undefined || elements.every(isEmptyElement)) return { kind: 'nothing' };
  if (uid === undefined) {
    return { kind: 'unknown', name, message: first.asksForUnits ? `'${name}' is not a valid name` : null };
  }
  return { kind: 'asked', name, uid, first, errors: read.flatMap(({ errors }) => errors) };
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
