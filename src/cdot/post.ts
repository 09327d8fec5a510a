import { fetchFailure } from '../domain/withoutCredentials';
import { provisionPath } from '../wire/endpoint';
import { requestBody } from './attributes';
import { readAnswer, type AnswerBody } from './readAnswer';
import type { Sync } from './syncs';

/** Where the API is, and which issuer of tokens it trusts. */
interface ApiAddress {
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

/** The result of a request. */
export type Reply =
  | ({
      kind: 'answer';
      status: number;
      retryAfter: string | null;
      workflowId: string | null;
      runId: string | null;
    } & AnswerBody)
  | { kind: 'no_answer'; reason: string }
  /** The worker stopped and gave the request up. */
  | { kind: 'interrupted' };

/** Posts a sync to the API, as CustomersDot does (contract 1). Never throws. Connections are kept alive by fetch. */
export async function postSync(
  sender: Sender,
  sync: Sync,
  correlationId: string,
  stopping: AbortSignal,
): Promise<Reply> {
  if (stopping.aborted) return { kind: 'interrupted' };
  // Not AbortSignal.any: on a long-lived source, Node 20 leaks what each request adds.
  const over = new AbortController();
  const stop = () => over.abort();
  stopping.addEventListener('abort', stop);
  const timer = setTimeout(stop, sender.timeoutMs);
  try {
    const api = await sender.api();
    if (api === null) return { kind: 'no_answer', reason: 'No API is known: none runs on DATA_DIR' };
    const response = await fetch(api.url.replace(/\/+$/, '') + provisionPath(sync.namespaceId), {
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
      ...(await readAnswer(response)),
      retryAfter: headers.get('retry-after'),
      workflowId: headers.get('x-provision-workflow-id'),
      runId: headers.get('x-provision-run-id'),
    };
  } catch (error) {
    if (stopping.aborted) return { kind: 'interrupted' };
    const reason = over.signal.aborted ? `No answer within ${sender.timeoutMs} ms` : fetchFailure(error);
    return { kind: 'no_answer', reason };
  } finally {
    clearTimeout(timer);
    stopping.removeEventListener('abort', stop);
  }
}
