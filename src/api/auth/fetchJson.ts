import { fetchFailure } from '../../domain/fetchFailure';
import { withoutCredentials } from '../../domain/withoutCredentials';
import { readCapped } from '../../wire/cappedBody';
import { PortalUnavailable } from './errors';

/** Far above any real key set; it only keeps a broken portal from filling the memory. */
const MAX_BYTES = 1024 * 1024;

/** How to fetch: the function to use (the global one, or a test's) and how long the whole answer may take. */
export interface FetchSettings {
  fetch: typeof globalThis.fetch;
  timeoutMs: number;
}

/**
 * Gets a JSON document of at most 1 MiB and returns it parsed, its shape unchecked. Redirects are not followed:
 * the document decides whom this service believes, so it comes from the configured place or not at all.
 *
 * @throws {PortalUnavailable} network failure, timeout (headers and body together), an answer other than 2xx,
 *   an oversized one, or one that is not JSON (contract 1.2)
 */
export async function fetchJson(url: string, { fetch, timeoutMs }: FetchSettings): Promise<unknown> {
  const shown = withoutCredentials(url);
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    const headers = { accept: 'application/json' };
    const response = await fetch(url, { redirect: 'manual', headers, signal: controller.signal });
    if (!response.ok) throw new PortalUnavailable(`${shown} answered ${response.status}`);
    const { kept, size } = await readCapped(response.body, MAX_BYTES);
    if (size > MAX_BYTES) throw new PortalUnavailable(`${shown} answered more than ${MAX_BYTES} bytes`);
    return parse(shown, kept);
  } catch (error) {
    if (error instanceof PortalUnavailable) throw error;
    const reason = controller.signal.aborted
      ? `gave no answer within ${timeoutMs} ms`
      : `cannot be reached: ${fetchFailure(error)}`;
    throw new PortalUnavailable(`${shown} ${reason}`, { cause: error });
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
    throw new PortalUnavailable(`${url} did not answer with JSON`);
  }
}
