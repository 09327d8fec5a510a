import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Request } from 'express';
import getRawBody from 'raw-body';
import { jsonProblem, MAX_BODY_BYTES } from '../domain/json';
import { HttpProblem } from './problems';

/**
 * Reads the JSON body of a request, only now: what a body holds is nobody's business before the token and the
 * namespace were checked (contract 1.1). One that is too large is refused as soon as that is known, by its announced
 * length or by what has come of it.
 * @returns undefined when there is no body
 * @throws HttpProblem 415, 413 or 400 (contract 1.3)
 */
export async function readJsonBody(req: Request): Promise<unknown> {
  const { headers } = req;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (!hasBody) return undefined;
  if (!isJson(headers['content-type'])) throw unsupported('The body must be application/json');
  const bytes = await readBytes(req);
  if (bytes.length === 0) return undefined;
  const value = parse(bytes);
  const problem = jsonProblem(value);
  if (problem !== null) throw malformed(problem);
  return value;
}

function isJson(contentType: string | undefined): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
}

async function readBytes(req: Request): Promise<Buffer> {
  const content = contentOf(req);
  try {
    // The announced length is that of what is sent, which may be compressed.
    const length = content === req ? (req.headers['content-length'] ?? null) : null;
    return await getRawBody(content, { limit: MAX_BODY_BYTES, length });
  } catch (error) {
    if ((error as { status?: number }).status !== 413) throw malformed('The body could not be read');
    // Its sender is still writing: to close the connection now, even if that was asked for, would lose the answer.
    req.res?.set('Connection', 'keep-alive');
    throw new HttpProblem('body_too_large');
  } finally {
    req.unpipe(); // what is left of it is dropped, so that the connection stays usable
  }
}

function contentOf(req: Request): Readable {
  switch ((req.headers['content-encoding'] ?? 'identity').toLowerCase()) {
    case 'identity':
      return req;
    case 'gzip':
      return req.pipe(createGunzip());
    case 'deflate':
      return req.pipe(createInflate());
    case 'br':
      return req.pipe(createBrotliDecompress());
    default:
      throw unsupported('The body has an unknown content encoding');
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw malformed('The body is not valid JSON');
  }
}

function malformed(error: string): HttpProblem {
  return new HttpProblem('malformed_json', { body: { error } });
}

function unsupported(error: string): HttpProblem {
  return new HttpProblem('unsupported_media_type', { body: { error } });
}
