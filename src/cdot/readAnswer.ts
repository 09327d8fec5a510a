import { jsonProblem, storableText } from '../domain/json';
import { messageOf } from './messageOf';

// Our answers have a few hundred bytes. Larger ones are judged, but not kept as they are; far larger ones are not even
// judged, as they would fill the memory.
const MAX_KEPT_BYTES = 256 * 1024;
const MAX_JUDGED_BYTES = 2 * 1024 * 1024;
const START_BYTES = 16 * 1024;

/** The body of an answer. */
export interface AnswerBody {
  /** What `application/json` holds; undefined: it is something else, or too large. */
  body: unknown;
  /** What of it is stored: all, or its first 16 kB and its size in bytes; undefined: nothing. */
  kept: unknown;
}

/** Reads an answer to its end. @throws what fetch throws */
export async function readAnswer(response: Response): Promise<AnswerBody> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size <= MAX_JUDGED_BYTES) chunks.push(chunk);
  }
  const read = Buffer.concat(chunks);
  const isJson = /^application\/json\s*(;|$)/i.test(response.headers.get('content-type') ?? '');
  const body = isJson && read.length === size ? parse(read) : undefined;
  const isKept = size <= MAX_KEPT_BYTES && (body === undefined || jsonProblem(body) === null);
  if (isKept) return { body, kept: body };
  const start = storableText(read.subarray(0, START_BYTES).toString('utf8'));
  return { body, kept: { message: messageOf(body), size, start } };
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    return undefined;
  }
}
