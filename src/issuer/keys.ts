import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { createOnce, readIfExists } from './secretFile';
import { importSigningKey, type SigningKey } from './signingKey';

/** All keys that are published. The first one signs; further ones are there for a rotation. */
export type SigningKeys = readonly [SigningKey, ...SigningKey[]];

/** The file with the signing keys cannot be used. The message says which file and what to do. */
export class SigningKeysDamaged extends Error {
  readonly code = 'SIGNING_KEYS_DAMAGED';

  constructor(file: string, reason: string) {
    super(
      `The signing keys in ${file} cannot be used: ${reason}. Restore the file from a backup, or delete it: ` +
        'the next start makes a new key, and tokens signed with the old one are refused from then on.',
    );
    this.name = 'SigningKeysDamaged';
  }
}

/**
 * Loads the keys from `<dataDir>/oidc/signing-keys.json`; at the first start makes one (RSA 2048) and stores it
 * there, readable by the owner only. Processes that start at once end with the same key.
 *
 * @throws {SigningKeysDamaged} the file is there but does not hold working keys; it is left as it is
 */
export async function loadSigningKeys(dataDir: string): Promise<SigningKeys> {
  const file = join(dataDir, 'oidc', 'signing-keys.json');
  const stored = (await readIfExists(file)) ?? (await createOnce(file, await newKeyFile()));
  const [first, ...others] = await Promise.all(
    parseKeyFile(file, stored).map((jwk, index) =>
      importSigningKey(jwk).catch(() => {
        // Not even the cause's message: it may quote the key.
        throw new SigningKeysDamaged(file, `key ${index + 1} is not a working RSA key of 2048 bits or more`);
      }),
    ),
  );
  if (!first) throw new SigningKeysDamaged(file, 'it holds no key');
  return [first, ...others];
}

/** The file: `{"keys": [<private JWK>, …]}`. */
async function newKeyFile(): Promise<string> {
  const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
  return `${JSON.stringify({ keys: [await exportJWK(privateKey)] }, null, 2)}\n`;
}

function parseKeyFile(file: string, text: string): unknown[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new SigningKeysDamaged(file, 'it is not JSON');
  }
  const keys = (content as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new SigningKeysDamaged(file, 'it has no list "keys"');
  return keys;
}
