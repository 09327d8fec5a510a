import { INVALID, isBlank, toBoolean, toDate, toInteger, toText, INT4_MAX } from './coercion';
import { isJsonObject } from './json';

/** A scalar of JSON. */
type Scalar = string | number | boolean | null;

/** Stands for whatever was sent in place of a scalar or of an array of objects; it is refused with 422. */
type NotAScalar = Record<string, never>;

/** The keys of an element of `add_on_purchases.<name>[]` (contract 1.3); others are dropped. */
export const ELEMENT_KEYS = [
  'started_on',
  'expires_on',
  'quantity',
  'purchase_xid',
  'trial',
  'new_subscription',
] as const;

type ElementKey = (typeof ELEMENT_KEYS)[number];

/** One element as it was sent, not coerced: its values are judged by the rules of contract 4.4, not as parameters. */
export type AddOnElement = { [Key in ElementKey]?: Scalar | NotAScalar };

/** What was sent under a name; anything but an array of objects or null is refused with 422. */
export type AddOnValue = AddOnElement[] | Scalar | NotAScalar;

/**
 * The section `add_on_purchases` without what no rule looks at: unknown keys of elements and nested structures, so
 * that the workflow's input stays flat. Names keep their order, also `__proto__` as a plain name.
 */
export function normaliseAddOnPurchases(section: Record<string, unknown>): Record<string, AddOnValue> {
  // fromEntries defines own properties; an assignment to `__proto__` would set the prototype instead.
  return Object.fromEntries(Object.entries(section).map(([name, value]) => [name, normaliseValue(value)]));
}

function normaliseValue(value: unknown): AddOnValue {
  if (!Array.isArray(value)) return toScalar(value);
  return value.every(isJsonObject) ? value.map(normaliseElement) : {};
}

function normaliseElement(element: Record<string, unknown>): AddOnElement {
  const sent = ELEMENT_KEYS.filter((key) => Object.hasOwn(element, key));
  return Object.fromEntries(sent.map((key) => [key, toScalar(element[key])]));
}

function toScalar(value: unknown): Scalar | NotAScalar {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  // JSON would turn Infinity (sent as 1e400) into null, which means something else; `+ 0` turns -0 into 0.
  return typeof value === 'number' && Number.isFinite(value) ? value + 0 : {};
}

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

const MAX_XID_LENGTH = 255;

/** The columns of `subscription_add_on_purchases` that an element can set. */
export interface PurchaseColumns {
  quantity: number;
  started_at: string;
  expires_on: string;
  purchase_xid: string;
  trial: boolean;
}

/** One element after reading: the valid values that were sent and not null, and what is wrong with the others. */
export interface ReadElement {
  values: Partial<PurchaseColumns>;
  /** The quantity is above 0, also when it is refused for being no integer or too large. */
  asksForUnits: boolean;
  newSubscription: boolean;
  errors: AddOnError[];
}

/** A value, or what is wrong with it; undefined when nothing was sent. */
type Read<T> = { value: T; problems?: undefined } | { problems: string[] } | undefined;

/** Reads one element on its own: types, ranges and lengths (contract 4.4 rule 0, 4.5). Never fails. */
export function readElement(element: AddOnElement): ReadElement {
  const errors: AddOnError[] = [];
  function valueOf<T>(field: AddOnField, read: Read<T>): T | undefined {
    if (read === undefined) return undefined;
    if (read.problems === undefined) return read.value;
    errors.push(...read.problems.map((problem) => ({ field, problem })));
    return undefined;
  }
  const values = {
    quantity: valueOf('Quantity', readQuantity(element.quantity)),
    started_at: valueOf('Started at', readDate(element.started_on)),
    expires_on: valueOf('Expires on', readDate(element.expires_on)),
    purchase_xid: valueOf('Purchase xid', readXid(element.purchase_xid)),
    trial: valueOf('Trial', readTrial(element.trial)),
  };
  return {
    values: withoutUndefined(values),
    asksForUnits: isAboveZero(element.quantity),
    newSubscription: toBoolean(element.new_subscription) === true,
    errors,
  };
}

/** True when an element sends nothing: no key, or only null values (contract 4.4, rule 1). */
export function isEmptyElement(element: AddOnElement): boolean {
  return Object.values(element).every((value) => value === null);
}

type Sent = AddOnElement[ElementKey];

function isAbsent(sent: Sent): sent is null | undefined {
  return sent === null || sent === undefined;
}

function readQuantity(sent: Sent): Read<number> {
  if (isAbsent(sent)) return undefined;
  if (typeof sent === 'string' && isBlank(sent)) return { problems: ["can't be blank", 'is not a number'] };
  if (!isNumeric(sent)) return { problems: ['is not a number'] };
  // Above this section fractions are cut off; a purchased quantity is not silently changed.
  const isWhole = typeof sent === 'number' ? Number.isInteger(sent) : /^[+-]?\d+$/.test(sent);
  if (!isWhole) return { problems: ['must be an integer'] };
  const quantity = toInteger(sent) as number;
  if (quantity > INT4_MAX) return { problems: [`must be less than or equal to ${INT4_MAX}`] };
  return { value: quantity };
}

const DIGITS = String.raw`\d+(?:_\d+)*`;
/** What Ruby's `Float()` takes, hexadecimal digits aside: to GitLab that is a number. */
const NUMERIC = new RegExp(
  `^[\\t-\\r ]*[+-]?(?:${DIGITS}(?:\\.${DIGITS})?|\\.${DIGITS})(?:e[+-]?${DIGITS})?[\\t-\\r ]*$`,
  'i',
);

function isNumeric(sent: NonNullable<Sent>): sent is number | string {
  return typeof sent === 'number' || (typeof sent === 'string' && NUMERIC.test(sent));
}

const LEADING_INTEGER = new RegExp(`^[\\t-\\r ]*([+-]?)(${DIGITS})`);

/** Whether an element asks for units as Ruby's `to_i` reads its quantity: the digits that a text begins with. */
function isAboveZero(sent: Sent): boolean {
  if (typeof sent === 'number') return sent >= 1;
  if (typeof sent !== 'string') return false;
  const [, sign, digits = ''] = LEADING_INTEGER.exec(sent) ?? [];
  return sign !== '-' && /[1-9]/.test(digits);
}

function readDate(sent: Sent): Read<string> {
  if (isAbsent(sent)) return undefined;
  const date = toDate(sent);
  if (date === INVALID) return { problems: ['is not a valid date'] };
  return date === null ? { problems: ["can't be blank"] } : { value: date };
}

function readXid(sent: Sent): Read<string> {
  if (isAbsent(sent)) return undefined;
  const xid = toText(sent);
  if (xid === INVALID || xid === null) return { problems: ['is invalid'] };
  if (isBlank(xid)) return { problems: ["can't be blank"] };
  // Characters as PostgreSQL's char_length counts them, not UTF-16 units.
  const isTooLong = [...xid].length > MAX_XID_LENGTH;
  return isTooLong ? { problems: [`is too long (maximum is ${MAX_XID_LENGTH} characters)`] } : { value: xid };
}

function readTrial(sent: Sent): Read<boolean> {
  if (isAbsent(sent)) return undefined;
  const trial = toBoolean(sent);
  return trial === INVALID || trial === null ? { problems: ['must be true or false'] } : { value: trial };
}

function withoutUndefined(values: {
  [Column in keyof PurchaseColumns]: PurchaseColumns[Column] | undefined;
}) {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Partial<PurchaseColumns>;
}
