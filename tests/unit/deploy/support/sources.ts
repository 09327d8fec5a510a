import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from '@jest/globals';
import { PARTS } from '../../../../src/cli/parts';
import { loadConfig, VARIABLES } from '../../../../src/config/config';

export const ROOT = path.join(__dirname, '../../../..');

export const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');

/** The variables that the service knows. */
export const KNOWN_VARIABLES = [...VARIABLES, 'TEMPORAL_API_KEY'];

const { port, workerPort, customersDotPort, relayPort } = loadConfig({});

/** Where each part serves, unless it is told otherwise. */
export const PORTS: Record<string, number> = {
  api: port,
  worker: workerPort,
  cdot: customersDotPort,
  relay: relayPort,
};

/** The port of the API's side of operations in all samples. */
export const ADMIN_PORT = 3003;

export const LIVENESS = '/-/liveness';
export const READINESS = '/-/readiness';

/** The part that `start --only <part>` runs; null for another command. */
export function partOf(args: string[]): string | null {
  if (args[0] !== 'start') return null;
  expect(args).toEqual(['start', '--only', expect.anything()]);
  expect(PARTS).toContain(args[2]);
  return args[2] ?? null;
}
