/**
 * The one JSON text of a JSON value: keys sorted by code unit, no spaces, numbers in JavaScript's spelling. Equal
 * values have equal texts, so digests of it compare attributes (contract 5 and 6). Recursive: for values that passed
 * `jsonProblem`, which bounds the nesting. Undefined properties are left out and non-finite numbers are null, as in
 * JSON.stringify.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
