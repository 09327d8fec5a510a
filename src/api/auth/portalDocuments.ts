import { createLocalJWKSet, type LocalJWKSet } from 'jose';
import { z } from 'zod';
import { fetchJson, portalUnavailable, type FetchSettings } from './fetchJson';

/** What this service needs of the portal's discovery document. */
export interface Discovery {
  issuer: string;
  jwksUri: string;
  algorithms: string[];
}

/** One fetched state of the portal's key set. */
export interface KeySet {
  /** The ids of its keys. */
  ids: ReadonlySet<string>;
  /** The resolver that jose verifies with; it keeps the keys it has imported. */
  resolve: LocalJWKSet;
}

const discoverySchema = z.object({
  issuer: z.string().min(1),
  jwks_uri: z.url({ protocol: /^https?$/ }),
  id_token_signing_alg_values_supported: listOf(z.string()),
});

// What has no kid is no key of a token here, as a token without one is refused.
const keySetSchema = z.object({
  keys: listOf(
    z.looseObject({
      kty: z.string(),
      kid: z.string(),
      alg: z.string().exactOptional(),
      use: z.string().exactOptional(),
    }),
  ),
});

/** A list whose odd entries are ignored, as RFC 7517 section 5 says of keys: an odd key must not spoil the others. */
function listOf<Entry>(entry: z.ZodType<Entry>) {
  return z.array(z.unknown()).transform((entries) =>
    entries.flatMap((value) => {
      const parsed = entry.safeParse(value);
      return parsed.success ? [parsed.data] : [];
    }),
  );
}

/**
 * Fetches `<portalUrl>/.well-known/openid-configuration`. A portal on https must keep its keys on https, too:
 * else anybody between the two could sign.
 *
 * @throws HttpProblem 503: it cannot be had, or is not a discovery document (contract 1.2)
 */
export async function fetchDiscovery(portalUrl: string, settings: FetchSettings): Promise<Discovery> {
  const url = `${portalUrl.replace(/\/+$/, '')}/.well-known/openid-configuration`;
  const parsed = discoverySchema.safeParse(await fetchJson(url, settings));
  if (!parsed.success) throw portalUnavailable(url, 'is not a discovery document');
  const jwksUri = parsed.data.jwks_uri;
  if (isHttps(portalUrl) && !isHttps(jwksUri)) {
    throw portalUnavailable(url, 'has a jwks_uri without TLS');
  }
  return {
    issuer: parsed.data.issuer,
    jwksUri,
    algorithms: parsed.data.id_token_signing_alg_values_supported,
  };
}

/**
 * Fetches the key set that discovery points to. An empty one is fine: it only refuses every token.
 *
 * @throws HttpProblem 503: it cannot be had, or is not a JSON Web Key Set (contract 1.2)
 */
export async function fetchKeySet(jwksUri: string, settings: FetchSettings): Promise<KeySet> {
  const parsed = keySetSchema.safeParse(await fetchJson(jwksUri, settings));
  if (!parsed.success) throw portalUnavailable(jwksUri, 'is not a key set');
  return {
    ids: new Set(parsed.data.keys.map(({ kid }) => kid)),
    resolve: createLocalJWKSet(parsed.data),
  };
}

function isHttps(url: string): boolean {
  return new URL(url).protocol === 'https:';
}
