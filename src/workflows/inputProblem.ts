import { jsonProblem, MAX_BODY_BYTES } from '../domain/json';
import { Undecodable } from './payloadConverter';

// Beside the sync an input holds some ids.
const MAX_INPUT_BYTES = MAX_BODY_BYTES + 1024;

/**
 * Why a run's input cannot be handed on to the activities, which check the rest of it, or null. A person may start a run
 * with anything; what a body of the endpoint may not be, an input may not be either (contract 1.3).
 */
export function inputProblem(request: unknown): string | null {
  if (request instanceof Undecodable) return `the input cannot be decoded (encoding ${request.encoding})`;
  const problem = jsonProblem(request);
  if (problem !== null) return problem;
  const bytes = new TextEncoder().encode(JSON.stringify(request)).length;
  return bytes > MAX_INPUT_BYTES ? `the input must not be larger than ${MAX_BODY_BYTES / 1024}kb` : null;
}
