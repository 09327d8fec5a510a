import { request, type IncomingHttpHeaders } from 'node:http';
import { expect } from '@jest/globals';
import { provisionPath, type ServiceClient } from '../../support/client';

export const TOKEN = 'x-customers-dot-internal-token';
export const JSON_TYPE = { 'content-type': 'application/json' };

/** `payload` of an answer to a sync that asked nothing, and of 409. */
export const NOTHING =
  '"payload":{"base_product":null,"storage":null,"compute_minutes":null,"add_on_purchases":null}';
export const NOTHING_ASKED = `{"status":"success","message":null,${NOTHING}}`;

/** An answer as it came over the wire. */
export interface WireAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

export interface WireRequest {
  method?: string;
  /** Sent as it is: neither encoded nor normalised. */
  path: string;
  headers?: Record<string, string | string[]>;
  body?: string | Uint8Array;
  /** Sends the body chunked, each piece in a chunk of its own. */
  chunks?: (string | Uint8Array)[];
  signal?: AbortSignal;
}

/** Sends exactly what is given, without a token unless one is in `headers`; `fetch` would tidy it up. */
export function send(apiUrl: string, wire: WireRequest): Promise<WireAnswer> {
  const { method = 'POST', path, headers = {}, body, chunks, signal } = wire;
  const { hostname, port } = new URL(apiUrl);
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const outgoing = request({
      hostname,
      port,
      method,
      path,
      agent: false,
      headers: { ...length, ...headers },
      ...(signal && { signal }),
    });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const received: Buffer[] = [];
      incoming.on('data', (data: Buffer) => received.push(data));
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: Buffer.concat(received).toString(),
        }),
      );
    });
    for (const chunk of chunks ?? []) outgoing.write(chunk);
    outgoing.end(body);
  });
}

/** Posts bytes to a namespace's endpoint with a valid token. @param id primary key or path, encoded here */
export async function post(
  client: ServiceClient,
  id: string,
  body: string | Uint8Array | undefined,
  headers: Record<string, string | string[]> = JSON_TYPE,
): Promise<WireAnswer> {
  return send(client.service.apiUrl, {
    path: provisionPath(id),
    headers: { [TOKEN]: await client.token(), ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

/** Posts a value as JSON. */
export function postJson(client: ServiceClient, id: string, value: unknown): Promise<WireAnswer> {
  return post(client, id, JSON.stringify(value));
}

/** The message of a parameter error: the answer must be 400 with nothing else in its body. */
export function errorOf({ status, text }: WireAnswer): string {
  const body = JSON.parse(text) as { error: string };
  expect(status).toBe(400);
  expect(Object.keys(body)).toEqual(['error']);
  return body.error;
}

/** Asks again until `check` passes, for at most ten seconds; then with the last failure. */
export async function eventually<T>(check: () => Promise<T>): Promise<T> {
  const end = Date.now() + 10_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
