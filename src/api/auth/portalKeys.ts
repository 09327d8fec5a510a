import { HttpProblem } from '../problems';
import type { FetchSettings } from './fetchJson';
import { fetchDiscovery, fetchKeySet, type Discovery, type KeySet } from './portalDocuments';
import { notedKid } from './refusal';

const DISCOVERY_LIFETIME_MS = 24 * 60 * 60 * 1000;
const KEY_SET_LIFETIME_MS = 15 * 60 * 1000;
const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 4_000;

/** Where the portal is and how to reach it. */
export interface PortalKeysOptions extends FetchSettings {
  /** `SUBSCRIPTION_PORTAL_URL`. */
  portalUrl: string;
  /** Milliseconds since the epoch; cache ages are measured with it. */
  now: () => number;
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
  /** Fetches are numbered, as two may begin within one millisecond. */
  fetchNumber: number;
}

/**
 * Caches discovery for 1 day and the key set for 15 min; failures are not cached (contract 1.2). A `kid` that the
 * cached set lacks refetches it, as often as RefetchPace allows. Only a fetch that began after the token came in proves
 * that the portal lacks a key. Until the next one this is remembered of one `kid`, so memory does not grow with forged
 * tokens. All who wait for a fetch share it; while there
 * is no document, they throw HttpProblem 503.
 */
export function createPortalKeys({ portalUrl, now, ...settings }: PortalKeysOptions) {
  let discovery: CachedDiscovery | undefined;
  let keySet: CachedKeySet | undefined;
  let fetchesBegun = 0;
  let missing: string | undefined;
  const pace = new RefetchPace(now);

  const discoveryFetch = coalesce(async () => {
    const at = now();
    discovery = { value: await fetchDiscovery(portalUrl, settings), at };
    return discovery.value;
  });

  const keySetFetch = coalesce(async (): Promise<CachedKeySet> => {
    const at = now();
    const uri = (await currentDiscovery()).jwksUri;
    const fetchNumber = ++fetchesBegun;
    keySet = { value: await fetchKeySet(uri, settings), at, uri, fetchNumber };
    return keySet;
  });

  async function currentDiscovery(): Promise<Discovery> {
    return isYounger(discovery, DISCOVERY_LIFETIME_MS, now()) ? discovery.value : discoveryFetch.run();
  }

  async function refetchFor(kid: string, known: ReadonlySet<string>): Promise<CachedKeySet> {
    missing = undefined;
    let broughtNewKey = false;
    try {
      const fetched = await keySetFetch.run();
      const { ids } = fetched.value;
      broughtNewKey = [...ids].some((id) => !known.has(id));
      if (!ids.has(kid)) missing = kid;
      return fetched;
    } finally {
      pace.ended(broughtNewKey);
    }
  }

  /**
   * The key set that has the key of this `kid`; null: the portal does not have it.
   * @throws HttpProblem 503: it may be new, as the set must not be fetched again yet
   */
  async function keySetFor(kid: string): Promise<KeySet | null> {
    const begunBefore = fetchesBegun;
    const { jwksUri } = await currentDiscovery();
    // No await between reading a fresh cache and the decision below, so that no refetch can slip in between.
    const usable =
      isYounger(keySet, KEY_SET_LIFETIME_MS, now()) && keySet.uri === jwksUri ? keySet : undefined;
    let latest = usable ?? (await keySetFetch.run());
    // Fetched for this very call: there is nothing newer, and a refetch is kept for a real rotation.
    const isUpToDate = () => latest.fetchNumber > begunBefore;
    if (!latest.value.ids.has(kid) && !isUpToDate()) {
      if (keySetFetch.running()) latest = await keySetFetch.run();
      else if (pace.isDue()) latest = await refetchFor(kid, latest.value.ids);
    }
    if (latest.value.ids.has(kid)) return latest.value;
    if (isUpToDate() || kid === missing) return null;
    throw new HttpProblem('key_unknown', {
      reason: 'the kept key set lacks this key, and was fetched again for an unknown key a moment ago',
      ...notedKid(kid),
    });
  }

  return { discovery: currentDiscovery, keySetFor };
}

/** A time in the future, after the clock was set back, counts as old: else it could keep a cache for ever. */
function isYounger<T extends { at: number }>(item: T | undefined, age: number, now: number): item is T {
  return item !== undefined && item.at <= now && now - item.at < age;
}

/**
 * How often the key set may be fetched again for an unknown `kid` (contract 1.2): at most once a second, with a wait
 * that doubles up to 4 s while such refetches bring no new key. So forged tokens cost
 * the portal little, and delay the notice of a rotation by 4 s at most.
 */
class RefetchPace {
  private last: { endedAt: number; waitMs: number } | null = null;
  private nextWaitMs = SHORTEST_WAIT_MS;

  /** @param now milliseconds since the epoch */
  constructor(private readonly now: () => number) {}

  isDue(): boolean {
    if (this.last === null) return true;
    const age = this.now() - this.last.endedAt;
    // A time in the future, after the clock was set back, must not keep a new key out.
    return age < 0 || age >= this.last.waitMs;
  }

  /** A refetch has ended, well or badly. */
  ended(broughtNewKey: boolean): void {
    if (broughtNewKey) this.nextWaitMs = SHORTEST_WAIT_MS;
    this.last = { endedAt: this.now(), waitMs: this.nextWaitMs };
    if (!broughtNewKey) this.nextWaitMs = Math.min(this.nextWaitMs * 2, LONGEST_WAIT_MS);
  }
}

/**
 * Makes callers share one run of `work`: a call while it is going gets the same promise. A run that has
 * ended, well or badly, is forgotten, so a failure reaches only those who waited for it.
 */
function coalesce<T>(work: () => Promise<T>): { run(): Promise<T>; running(): boolean } {
  let current: Promise<T> | undefined;
  return {
    run: () =>
      (current ??= work().finally(() => {
        current = undefined;
      })),
    running: () => current !== undefined,
  };
}
