import { PortalUnavailable } from './errors';
import type { FetchSettings } from './fetchJson';
import { fetchDiscovery, fetchKeySet, type Discovery, type KeySet } from './portalDocuments';
import { coalesce, waitFor } from './sharedWork';

const DISCOVERY_LIFETIME_MS = 24 * 60 * 60 * 1000;
const KEY_SET_LIFETIME_MS = 15 * 60 * 1000;
const REFETCH_INTERVAL_MS = 30 * 1000;

/** Where the portal is and how to reach it. */
export interface PortalKeysOptions extends FetchSettings {
  /** `SUBSCRIPTION_PORTAL_URL`. */
  portalUrl: string;
  /** Milliseconds since the epoch; cache ages are measured with it. */
  now: () => number;
}

/** The portal's discovery document and keys, cached. Both calls end with PortalUnavailable when `signal` aborts. */
export interface PortalKeys {
  discovery(signal?: AbortSignal): Promise<Discovery>;
  /** The key set to verify a token of this `kid` with. It may still lack that key: then the token is refused. */
  keySetFor(kid: string, signal?: AbortSignal): Promise<KeySet>;
}

interface CachedDiscovery {
  value: Discovery;
  /** When its fetch began, so that the age is never underestimated. */
  at: number;
}

interface CachedKeySet {
  value: KeySet;
  at: number;
  uri: string;
  /** Fetches are numbered: times cannot tell which of two came first within a millisecond. */
  fetchNumber: number;
}

/**
 * Caches discovery for 1 day and the key set for 15 min; failures are not cached (contract 1.2). A `kid` that
 * the cached set lacks refetches it, at most once per 30 s whether or not that succeeds; fetches of the ordinary
 * kind do not count, so a key that appears right after one is found at once. Each fetch is shared by all who
 * wait for it. Calls fail with PortalUnavailable.
 */
export function createPortalKeys({ portalUrl, now, ...settings }: PortalKeysOptions): PortalKeys {
  let discovery: CachedDiscovery | undefined;
  let keySet: CachedKeySet | undefined;
  let fetchesBegun = 0;
  let lastRefetch: { at: number; unanswered: boolean } | undefined;

  const discoveryFetch = coalesce(async () => {
    const at = now();
    discovery = { value: await fetchDiscovery(portalUrl, settings), at };
    return discovery.value;
  });

  const keySetFetch = coalesce(async (): Promise<CachedKeySet> => {
    const at = now();
    const uri = (await currentDiscovery()).jwksUri;
    const fetchNumber = ++fetchesBegun;
    const fetched = { value: await fetchKeySet(uri, settings), at, uri, fetchNumber };
    keySet = fetched;
    if (lastRefetch) lastRefetch.unanswered = false;
    return fetched;
  });

  async function currentDiscovery(): Promise<Discovery> {
    return isYounger(discovery, DISCOVERY_LIFETIME_MS, now()) ? discovery.value : discoveryFetch.run();
  }

  async function keySetFor(kid: string): Promise<KeySet> {
    const begunBefore = fetchesBegun;
    const { jwksUri } = await currentDiscovery();
    // No await between reading a fresh cache and the decision below, so that no refetch can slip in between.
    const usable =
      isYounger(keySet, KEY_SET_LIFETIME_MS, now()) && keySet.uri === jwksUri ? keySet : undefined;
    const cached = usable ?? (await keySetFetch.run());
    // Fetched for this very call: nothing newer is to be had, and the one refetch is kept for a real rotation.
    if (cached.value.has(kid) || cached.fetchNumber > begunBefore) return cached.value;
    // Whoever comes while a refetch is going waits for it: the key may be in there.
    if (keySetFetch.running()) return (await keySetFetch.run()).value;
    if (!isYounger(lastRefetch, REFETCH_INTERVAL_MS, now())) {
      lastRefetch = { at: now(), unanswered: true };
      return (await keySetFetch.run()).value;
    }
    // The portal may well have the key. Not knowing is 503, never 401.
    if (lastRefetch.unanswered) throw new PortalUnavailable('the last refetch of the key set failed');
    return cached.value;
  }

  return {
    discovery: (signal) => waitFor(currentDiscovery(), signal),
    keySetFor: (kid, signal) => waitFor(keySetFor(kid), signal),
  };
}

/** A time in the future, after the clock was set back, counts as old: else it could keep a cache for ever. */
function isYounger<T extends { at: number }>(item: T | undefined, age: number, now: number): item is T {
  return item !== undefined && item.at <= now && now - item.at < age;
}
