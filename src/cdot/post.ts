import { jsonProblem } from '../domain/jsonLimits';
import { requestBody } from './attributes';
import type { Sync } from './syncs';

/** Where the API is, and which issuer of tokens it trusts. */
export interface ApiAddress {
  url: string;
  issuer: string;
}

export interface Sender {
  /** Null: none is known now. */
  api: () => Promise<ApiAddress | null>;
  /** A fresh token (contract 1.2). */
  sign: (issuer: string) => Promise<string>;
  /** Milliseconds that one request may take, its answer included: more than the API's own wait. */
  timeoutMs: number;
}

/** What came of a request. */
export type Reply =
  | {
      kind: 'answer';
      status: number;
      /** Undefined: not JSON, or nothing that could be stored. */
      body: unknown;
      retryAfter: string | null;
      workflowId: string | null;
      runId: string | null;
    }
  | { kind: 'no_answer'; reason: string }
  /** We stopped waiting, as this worker stops. */
  | { kind: 'interrupted' };

/** Posts a sync to the API, as CustomersDot does (contract 1). Never throws. Connections are kept alive by fetch. */
export async function postSync(
  sender: Sender,
  sync: Sync,
  correlationId: string,
  stopping: AbortSignal,
): Promise<Reply> {
  if (stopping.aborted) return { kind: 'interrupted' };
  // Not AbortSignal.any: with a source that lives on, Node 20 keeps what each request adds to it.
  const over = new AbortController();
  const stop = () => over.abort();
  stopping.addEventListener('abort', stop);
  const timer = setTimeout(stop, sender.timeoutMs);
  try {
    const api = await sender.api();
    if (api === null) return { kind: 'no_answer', reason: 'No API is known: none runs on DATA_DIR' };
    const response = await fetch(provisionUrl(api.url, sync.namespaceId), {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'X-Customers-Dot-Internal-Token': await sender.sign(api.issuer),
        'X-Request-Id': correlationId,
      },
      body: requestBody(sync.id, sync.attrs),
      redirect: 'manual',
      signal: over.signal,
    });
    const { status, headers } = response;
    return {
      kind: 'answer',
      status,
      body: readJson(await readText(response)),
      retryAfter: headers.get('retry-after'),
      workflowId: headers.get('x-provision-workflow-id'),
      runId: headers.get('x-provision-run-id'),
    };
  } catch (error) {
    if (stopping.aborted) return { kind: 'interrupted' };
    const reason = over.signal.aborted ? `No answer within ${sender.timeoutMs} ms` : describe(error);
    return { kind: 'no_answer', reason };
  } finally {
    clearTimeout(timer);
    stopping.removeEventListener('abort', stop);
  }
}

function provisionUrl(base: string, namespaceId: string): string {
  return `${base.replace(/\/+$/, '')}/api/v4/internal/gitlab_subscriptions/namespaces/${namespaceId}/provision`;
}

// Our answers have a few hundred bytes; whatever sends more is not the API, and what it sends is not kept.
const MAX_ANSWER_BYTES = 256 * 1024;

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) return '';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return jsonProblem(value) === null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** fetch says only `fetch failed`; the reason, such as a refused connection, is its cause. */
function describe(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  const reason = cause instanceof Error ? cause : (error as Error);
  const code = (reason as { code?: unknown }).code;
  return reason.message || (typeof code === 'string' ? code : String(error));
}
