import { keyFileIn, keyFileText, loadSigningKeys, newPrivateJwk, parseKeyFile } from './keys';
import { readIfExists, replaceFile, withFileLock } from './secretFile';

/** How long a retired key stays published: far longer than any token that it signed. */
const RETIRED_KEY_LIFETIME_MS = 60 * 60 * 1000;

// Far above the 4 s that an API may wait before it fetches the key set again for an unknown key (contract 1.2).
const MIN_INTERVAL_MS = 60 * 1000;

/** The keys cannot be rotated now; the message says when. */
export class RotationRefused extends Error {
  readonly code = 'rotation_too_soon';
}

export interface Rotation {
  /** The key that signs from now on. */
  kid: string;
  retiredKid: string;
  /** Milliseconds since the epoch until which the retired key is published. */
  retiredUntil: number;
}

/**
 * Rotates the signing keys of a data directory. The key that was published ahead signs at once; the old one stays
 * published for an hour, for the tokens that it signed. Creates and publishes the key of the next rotation, so that an API
 * that fetches the key set before then need not fetch it again.
 *
 * @param now milliseconds since the epoch; default: the system clock
 * @throws {RotationRefused} the last rotation was less than a minute ago, or another process rotates them now
 * @throws {SigningKeysDamaged} the key file cannot be used
 */
export async function rotateSigningKeys(dataDir: string, now: () => number = Date.now): Promise<Rotation> {
  const [retired] = await loadSigningKeys(dataDir); // creates missing keys, and checks the file
  const file = keyFileIn(dataDir);
  const rotation = await withFileLock(file, async () => {
    const at = now();
    const content = parseKeyFile(file, (await readIfExists(file)) ?? '');
    refuseIfTooSoon(content.rotated_at, at);
    const [current, ...others] = content.keys as StoredKey[];
    const retiredUntil = at + RETIRED_KEY_LIFETIME_MS;
    const keys = [
      others.find((key) => key.published_until === undefined) ?? (await newPrivateJwk()),
      await newPrivateJwk(),
      { ...current, published_until: new Date(retiredUntil).toISOString() },
      ...others.filter((key) => Date.parse(key.published_until ?? '') > at),
    ];
    await replaceFile(file, keyFileText({ rotated_at: new Date(at).toISOString(), keys }));
    return retiredUntil;
  });
  if (rotation === null) throw new RotationRefused('Another process is rotating the keys right now.');
  const [signing] = await loadSigningKeys(dataDir);
  return { kid: signing.kid, retiredKid: retired.kid, retiredUntil: rotation };
}

interface StoredKey {
  published_until?: string;
}

function refuseIfTooSoon(rotatedAt: string | undefined, now: number): void {
  const age = now - Date.parse(rotatedAt ?? '');
  // A time in the future, after the clock was set back, must not block rotations.
  if (!(age >= 0 && age < MIN_INTERVAL_MS)) return;
  const wait = Math.ceil((MIN_INTERVAL_MS - age) / 1000);
  throw new RotationRefused(
    `The keys were rotated ${Math.floor(age / 1000)} s ago: try again in ${wait} s, so that no API meets two ` +
      'unknown keys faster than it may look for them.',
  );
}
