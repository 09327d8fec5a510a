import { Router } from 'express';
import type { SigningKeys } from './keys';

/**
 * Serves what the portal serves: its discovery document and public keys (contract 1.2). `issuer` returns the
 * address of this router. It is called on each request, as the port may be known only after listening; so is `keys`, as
 * keys rotate (`openSigningKeys`).
 * @param options.now milliseconds since the epoch
 */
export function createIssuerRouter(
  keys: () => Promise<SigningKeys>,
  issuer: () => string,
  { now = Date.now }: { now?: () => number } = {},
): Router {
  const router = Router();

  router.get('/.well-known/openid-configuration', (_request, response) => {
    const base = issuer().replace(/\/+$/, '');
    response.json({
      issuer: issuer(),
      // Required by OpenID Connect Discovery 1.0, and clients insist on it; there is no such page.
      authorization_endpoint: `${base}/oauth/authorize`,
      jwks_uri: `${base}/oauth/discovery/keys`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    });
  });

  router.get('/oauth/discovery/keys', async (_request, response) => {
    const at = now();
    const published = (await keys()).filter(({ publishedUntil }) => (publishedUntil ?? at) >= at);
    response.json({ keys: published.map((key) => key.publicJwk) });
  });

  return router;
}
