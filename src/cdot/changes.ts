import { canonicalJson } from '../domain/canonicalJson';

/** One value that differs between two syncs; `before` or `after` is absent where the value is. */
export interface AttributeChange {
  /** E.g. `base_product.seats` or `add_on_purchases.duo_pro[0].quantity`. */
  path: string;
  before?: unknown;
  after?: unknown;
}

/** What changed from one sync's attributes to the next one's, value by value, in the order of the paths. */
export function changesBetween(before: unknown, after: unknown): AttributeChange[] {
  const [old, now] = [leaves(before), leaves(after)];
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
  return paths.flatMap((path) => {
    if (old.has(path) && now.has(path) && canonicalJson(old.get(path)) === canonicalJson(now.get(path)))
      return [];
    return [
      {
        path,
        ...(old.has(path) && { before: old.get(path) }),
        ...(now.has(path) && { after: now.get(path) }),
      },
    ];
  });
}

/** Scalars, empty objects and empty arrays by their path. */
function leaves(value: unknown, path = '', into = new Map<string, unknown>()): Map<string, unknown> {
  const members = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (members.length === 0) return into.set(path, value);
  for (const [key, member] of members) {
    const name = Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    leaves(member, name, into);
  }
  return into;
}
