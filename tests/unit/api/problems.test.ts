import { describe, expect, test } from '@jest/globals';
import { ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { TransportError } from '@temporalio/worker';
import { problemOf } from '../../../src/api/problems';

const grpc = (code: number) => Object.assign(new Error('x'), { code, details: 'x', metadata: {} });
// A native connection's gRPC errors are ServiceErrors themselves.
const nativeGrpc = (code: number) =>
  Object.assign(new ServiceError('x'), { code, details: 'x', metadata: {} });
const postgres = (code: string) => Object.assign(new Error('x'), { code, severity: 'ERROR' });

// Among them PERMISSION_DENIED and UNAUTHENTICATED: set right by an operator, not by another request.
const PASSING = [1, 2, 4, 7, 8, 10, 13, 14, 16];

describe('what will pass is a 503 with Retry-After, never a 500', () => {
  test.each([
    ['Temporal is unreachable', new TransportError('x')],
    ['the namespace is gone', new NamespaceNotFoundError('x')],
    ...PASSING.map((code) => [`gRPC ${code}`, grpc(code)] as const),
    ...PASSING.map(
      (code) =>
        [`gRPC ${code}, wrapped by the client`, new ServiceError('x', { cause: grpc(code) })] as const,
    ),
    ['gRPC 4 of a native connection, wrapped', new ServiceError('x', { cause: nativeGrpc(4) })],
    ['the run is unknown to a server that lost its data', new WorkflowNotFoundError('x', 'id', undefined)],
    ['PostgreSQL shuts down', postgres('57P01')],
    ['a deadlock', postgres('40P01')],
    ['GitLab has removed a column', postgres('42703')],
    ['the connection is refused', Object.assign(new Error('x'), { code: 'ECONNREFUSED' })],
  ] as const)('%s', (_name, error) => {
    expect(problemOf(error)).toMatchObject({
      status: 503,
      body: { message: '503 Service Unavailable' },
      retryAfter: expect.any(Number),
    });
  });
});

describe('what is wrong with us is a 500 without details', () => {
  test.each([
    ['a bug', new TypeError('x is not a function')],
    ['gRPC: invalid argument', new ServiceError('x', { cause: grpc(3) })],
    ['PostgreSQL: a syntax error', postgres('42601')],
  ])('%s', (_name, error) => {
    expect(problemOf(error)).toMatchObject({
      status: 500,
      body: { message: '500 Internal Server Error' },
    });
  });
});
