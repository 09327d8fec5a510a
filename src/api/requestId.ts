import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import { isCorrelationId } from '../domain/ids';

/** Names the request in its answer and in everything that comes of it (contract 2: `X-Request-Id`). */
export const requestId: RequestHandler = (req, res, next) => {
  const sent = req.get('x-request-id');
  const id = isCorrelationId(sent) ? sent : randomUUID();
  res.locals['requestId'] = id;
  res.set('X-Request-Id', id);
  next();
};
