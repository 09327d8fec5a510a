import { jsonProblem, MAX_BODY_BYTES } from '../domain/json';
import { parseSyncBody } from '../domain/request';

/** The value of `provision` of one sync, as JSON, not coerced: it is sent as it was recorded. */
export type Attributes = unknown;

/** What was to be recorded is no sync that the API would take; each problem is a line. */
export class AttributesRefused extends Error {
  readonly code = 'attributes_refused';

  constructor(readonly problems: string[]) {
    super(problems.join(', '));
  }
}

// The sync_id is not known yet: room for its longest value.
const LONGEST_SYNC_ID = Number.MAX_SAFE_INTEGER;

/** Reads the text of a JSON file that holds the value of `provision`. @throws AttributesRefused */
export function parseAttributes(text: string): Attributes {
  let value: unknown;
  try {
    value = JSON.parse(text, refuseInfinity);
  } catch (error) {
    throw error instanceof AttributesRefused ? error : new AttributesRefused(['it is not valid JSON']);
  }
  checkAttributes(value);
  return value;
}

/** Checks attributes like the endpoint checks a request (contract 1.3). @throws AttributesRefused */
export function checkAttributes(attrs: Attributes): void {
  const problem = jsonProblem(attrs);
  if (problem !== null) throw new AttributesRefused([problem]);
  const body = requestBody(LONGEST_SYNC_ID, attrs);
  const parsed = parseSyncBody(JSON.parse(body));
  if (!parsed.ok) throw new AttributesRefused(parsed.errors);
  if (Buffer.byteLength(body) > MAX_BODY_BYTES) throw new AttributesRefused(['it is larger than 100 kB']);
}

/** The body of the request that sends a sync. */
export function requestBody(syncId: number, attrs: Attributes): string {
  return JSON.stringify({ sync_id: syncId, provision: attrs });
}

/** `1e400` is a number in JSON but not for us; it would be stored as null, which means something else. */
function refuseInfinity(key: string, value: unknown): unknown {
  if (value === Infinity || value === -Infinity) throw new AttributesRefused([`${key} is out of range`]);
  return value;
}
