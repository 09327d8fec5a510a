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

export type ElementKey = (typeof ELEMENT_KEYS)[number];

/** One element as it was sent, not coerced: its values are judged by the rules of contract 4.4, not as parameters. */
export type AddOnElement = { [Key in ElementKey]?: Scalar | NotAScalar };

/** What was sent under a name; anything but an array of objects or null is refused with 422. */
export type AddOnValue = AddOnElement[] | Scalar | NotAScalar;

/** True for what JSON calls an object. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

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
