import { isJsonObject, jsonProblem, storableText } from '../domain/json';
import { readCapped } from '../wire/cappedBody';

// Our answers have a few hundred bytes. A larger one is judged, but not kept as it is. A far larger one is not even
// judged, as it would fill the memory.
const MAX_KEPT_BYTES = 256 * 1024;
const MAX_JUDGED_BYTES = 2 * 1024 * 1024;
const START_BYTES = 16 * 1024;
const MAX_MESSAGE = 2_000;

/** The body of an answer. */
export interface AnswerBody {
  /** What `application/json` holds; undefined: it is something else, or too large. */
  body: unknown;
  /** What of it is stored: all, or its first 16 kB and its size in bytes; undefined: nothing. */
  kept: unknown;
}

/** Reads an answer to its end. @throws what fetch throws */
export async function readAnswer(response: Response): Promise<AnswerBody> {
  const { kept: read, size } = await readCapped(response.body, MAX_JUDGED_BYTES, true);
  const isJson = /^application\/json\s*(;|$)/i.test(response.headers.get('content-type') ?? '');
  const body = isJson && read.length === size ? parse(read) : undefined;
  const isKept = size <= MAX_KEPT_BYTES && (body === undefined || jsonProblem(body) === null);
  if (isKept) return { body, kept: body };
  const start = storableText(read.subarray(0, START_BYTES).toString('utf8'));
  return { body, kept: { message: messageOf(body), size, start } };
}

/** The text that an answer gives as its reason, under either of GitLab's two keys; null: it gives none. */
export function messageOf(body: unknown): string | null {
  if (!isJsonObject(body)) return null;
  const text = [body['message'], body['error']].find((value) => typeof value === 'string');
  return text === undefined ? null : storableText(text.slice(0, MAX_MESSAGE));
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    return undefined;
  }
}
