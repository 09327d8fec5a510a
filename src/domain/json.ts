/** True for what JSON calls an object. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Bytes that a sync may have as JSON (contract 1.3). */
export const MAX_BODY_BYTES = 100 * 1024;

/** Levels of arrays and objects that a body may nest. */
const MAX_JSON_DEPTH = 100;

/**
 * The reason why a parsed JSON value cannot be stored (PostgreSQL's jsonb and text refuse NUL and lone surrogates;
 * deep nesting would exhaust the stack of whoever walks it), or null when it can. Iterative, so that any value that
 * JSON.parse returns can be asked about. With several reasons it names the one found first, in no set order.
 */
export function jsonProblem(value: unknown): string | null {
  const pending: { value: unknown; depth: number }[] = [{ value, depth: 1 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value: current, depth } = next;
    if (typeof current === 'string') {
      const problem = textProblem(current);
      if (problem !== null) return problem;
    }
    if (typeof current !== 'object' || current === null) continue;
    if (depth > MAX_JSON_DEPTH) return `JSON is nested deeper than ${MAX_JSON_DEPTH} levels`;
    for (const [key, member] of Object.entries(current)) {
      const problem = textProblem(key);
      if (problem !== null) return problem;
      pending.push({ value: member, depth: depth + 1 });
    }
  }
  return null;
}

function textProblem(text: string): string | null {
  if (text.includes('\0')) return 'JSON contains a NUL character';
  return text.isWellFormed() ? null : 'JSON contains a lone surrogate';
}

/** A text as it can be stored: what PostgreSQL refuses in it is replaced by U+FFFD. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}

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
