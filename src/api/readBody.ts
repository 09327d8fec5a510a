import express, { type Request, type Response } from 'express';
import { jsonProblem } from '../domain/jsonLimits';
import { HttpProblem } from './problems';

const LIMIT = '100kb';
const raw = express.raw({ type: () => true, limit: LIMIT });

/**
 * Reads the JSON body of a request, only now: what a body holds is nobody's business before the token and the
 * namespace were checked (contract 1.1).
 * @returns undefined when there is no body
 * @throws HttpProblem 415, 413 or 400 (contract 1.3)
 */
export async function readJsonBody(req: Request, res: Response): Promise<unknown> {
  const hasBody =
    req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
  if (!hasBody) return undefined;
  if (!isJson(req.headers['content-type'])) {
    throw new HttpProblem(415, 'unsupported_media_type', { error: 'The body must be application/json' });
  }
  const bytes = await readBytes(req, res);
  if (bytes.length === 0) return undefined;
  const value = parse(bytes);
  const problem = jsonProblem(value);
  if (problem !== null) throw malformed(problem);
  return value;
}

function isJson(contentType: string | undefined): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
}

async function readBytes(req: Request, res: Response): Promise<Buffer> {
  const error = await new Promise<unknown>((resolve) => raw(req, res, resolve));
  if (!error) return Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0);
  const { status } = error as { status?: number };
  if (status === 413) {
    throw new HttpProblem(413, 'body_too_large', { error: `The body must not be larger than ${LIMIT}` });
  }
  if (status === 415) {
    throw new HttpProblem(415, 'unsupported_media_type', {
      error: 'The body has an unknown content encoding',
    });
  }
  throw malformed('The body could not be read');
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw malformed('The body is not valid JSON');
  }
}

function malformed(error: string): HttpProblem {
  return new HttpProblem(400, 'malformed_json', { error });
}
