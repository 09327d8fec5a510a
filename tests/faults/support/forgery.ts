import { rotateSigningKeys } from '../../../src/issuer/rotate';
import { provisionPath } from '../../support/client';
import { claims, makeKey, sign } from '../../unit/auth/portal';
import type { Cluster } from './cluster';

const TOKENS = 100;
/** More than what must lie between two rotations. */
const ROTATION_MS = 100_000;

const stranger = makeKey('stranger');
let rotations = 0;

/**
 * Has the key that signs replaced by one that was published a moment ago, while tokens come in whose keys nobody has.
 * The rotations are dated into the future, as they must not come too soon after each other.
 */
export async function rotateUnderForgedTraffic(cluster: Cluster): Promise<void> {
  const rotate = () => rotateSigningKeys(cluster.apiDataDir, () => Date.now() + ROTATION_MS * ++rotations);
  const forged = Array.from({ length: TOKENS }, (_, index) => send(cluster, `forged-${rotations}-${index}`));
  await rotate();
  await rotate();
  const statuses = new Set(await Promise.all(forged));
  if (statuses.has(200)) throw new Error('a forged token was accepted');
}

/** @returns the status; null: no answer, as the API may be away */
async function send({ apiUrl, ways }: Cluster, kid: string): Promise<number | null> {
  const issuer = `http://127.0.0.1:${ways['client-api'].target.port}`;
  const token = await sign({ ...(await stranger), kid }, claims(issuer, Date.now()));
  return fetch(apiUrl + provisionPath('1000'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-customers-dot-internal-token': token },
    body: '{"provision":{}}',
    signal: AbortSignal.timeout(5_000),
  }).then(
    async (answer) => (await answer.arrayBuffer(), answer.status),
    () => null,
  );
}
