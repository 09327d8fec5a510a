import { fetchFailure, withoutCredentials } from '../../domain/withoutCredentials';
import { readCapped } from '../../wire/cappedBody';
import { HttpProblem } from '../problems';

/** Far above any real key set; it only keeps a broken portal from filling the memory. */
const MAX_BYTES = 1024 * 1024;

/** How to fetch: the function to use (the global one, or a test's) and how long the whole answer may take. */
export interface FetchSettings {
  fetch: typeof globalThis.fetch;
  timeoutMs: number;
}

/**
 * 503: a document of the portal cannot be had, so nothing can be said about the token (contract 1.2).
 * @param problem why not
 */
export function portalUnavailable(url: string, problem: string): HttpProblem {
  return new HttpProblem('portal_unavailable', { reason: `${withoutCredentials(url)} ${problem}` });
}

/**
 * Gets a JSON document of at most 1 MiB and returns it parsed, its shape unchecked. Redirects are not followed:
 * the document decides whom this service believes, so it comes from the configured place or not at all.
 *
 * @throws HttpProblem 503: network failure, timeout (headers and body together), an answer other than 2xx, an
 *   oversized one, or one that is not JSON (contract 1.2)
 */
export async function fetchJson(url: string, { fetch, timeoutMs }: FetchSettings): Promise<unknown> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    const headers = { accept: 'application/json' };
    const response = await fetch(url, { redirect: 'manual', headers, signal: controller.signal });
    if (!response.ok) throw portalUnavailable(url, `answered ${response.status}`);
    const { kept, size } = await readCapped(response.body, MAX_BYTES);
    if (size > MAX_BYTES) throw portalUnavailable(url, `answered more than ${MAX_BYTES} bytes`);
    return parse(url, kept);
  } catch (error) {
    if (error instanceof HttpProblem) throw error;
    if (controller.signal.aborted) throw portalUnavailable(url, `gave no answer within ${timeoutMs} ms`);
    throw portalUnavailable(url, `cannot be reached: ${fetchFailure(error)}`);
  } finally {
    clearTimeout(timer);
    // Frees the connection of an answer that was not read to its end; no effect on one that was.
    controller.abort();
  }
}

function parse(url: string, body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw portalUnavailable(url, 'did not answer with JSON');
  }
}
