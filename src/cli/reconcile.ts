import type { Pool } from 'pg';
import {
  lastSyncId,
  latestSyncsAfter,
  latestSyncsOf,
  raiseSyncIds,
  type LatestSync,
} from '../cdot/latestSyncs';
import { recordSync, resync } from '../cdot/syncs';
import {
  admittedRequest,
  highestSyncId,
  newestSyncsAfter,
  newestSyncsOf,
  type NewestSync,
} from '../db/newestSyncs';

export interface Sides {
  gitlab: Pool;
  customersDot: Pool;
  /** True: it is only told what would be done. */
  isDryRun: boolean;
  onLine: (line: string) => void;
}

/** How many namespaces there were of each kind. */
export interface Reconciled {
  /** They are sent again, so that both sides know the same. */
  sent: number;
  /** Their newest sync is still to be sent, or is being sent. */
  underWay: number;
  /** GitLab has seen a sync that neither side knows the content of. */
  lost: number;
}

/** GitLab has seen an id so high that no room is left above it. */
export class ReconcileRefused extends Error {
  readonly code = 'sync_ids_used_up';
}

const PAGE = 1_000;

// A request that was on its way at the time of the backup may still be admitted: it must not have the id of a new sync.
const ROOM = 1_000;

/**
 * Brings CustomersDot's side and GitLab's together again after one of the databases, or both, were restored to an older
 * moment. Where both know the same it changes nothing, so it may be called at any time and again.
 * @throws ReconcileRefused
 */
export async function reconcile(sides: Sides): Promise<Reconciled> {
  await raiseIds(sides);
  const behind = await bringCustomersDotForward(sides);
  const { sent, underWay } = await bringGitlabForward(sides);
  return { sent: behind.sent + sent, underWay, lost: behind.lost };
}

/** New syncs must have ids that are above all that GitLab has seen, or it takes them for old ones. */
async function raiseIds({ gitlab, customersDot, isDryRun, onLine }: Sides): Promise<void> {
  const [highest, last] = [await highestSyncId(gitlab), await lastSyncId(customersDot)];
  if (last >= highest) return;
  if (highest + ROOM > Number.MAX_SAFE_INTEGER / 2) {
    throw new ReconcileRefused(
      `GitLab has seen sync ${highest}, which leaves no room for higher ids: lower that sync_id in provisioning.fences, then try again`,
    );
  }
  onLine(
    `ids of new syncs: were about to go on from ${last}, GitLab has seen ${highest}; go on from ${highest + ROOM}`,
  );
  if (!isDryRun) await raiseSyncIds(customersDot, highest + ROOM);
}

/** Where GitLab has seen a newer sync than CustomersDot knows, that is recorded anew, and sent. */
async function bringCustomersDotForward(sides: Sides): Promise<Pick<Reconciled, 'sent' | 'lost'>> {
  const { gitlab, customersDot, isDryRun, onLine } = sides;
  const count = { sent: 0, lost: 0 };
  const find = (after: string) => newestSyncsAfter(gitlab, after, PAGE);
  for await (const page of pages(find, ({ namespaceId }) => namespaceId)) {
    const known = await latestSyncsOf(
      customersDot,
      page.map(({ namespaceId }) => namespaceId),
    );
    for (const newest of page) {
      const { namespaceId, syncId } = newest;
      const latest = known.get(namespaceId);
      if (latest && latest.sync.id >= syncId) continue;
      const wanted = await wantedOf(gitlab, newest, latest);
      const seen = `namespace ${namespaceId}: GitLab has seen sync ${syncId}, CustomersDot's newest is ${latest?.sync.id ?? 'none'}`;
      if (wanted === null) {
        onLine(
          `${seen}; what it asked for is not known any more: record it with "provisioner sync ${namespaceId} …"`,
        );
        count.lost += 1;
        continue;
      }
      onLine(`${seen}; ${wanted.from} is recorded anew and sent`);
      if (!isDryRun) await recordSync(customersDot, namespaceId, wanted.attrs, syncId);
      count.sent += 1;
    }
  }
  return count;
}

/** What the namespace is entitled to: what was asked for last, on whichever side that is known. */
async function wantedOf(
  gitlab: Pool,
  newest: NewestSync,
  latest: LatestSync | undefined,
): Promise<{ attrs: unknown; from: string } | null> {
  const admitted = await admittedRequest(gitlab, newest);
  if (admitted && !(latest && new Date(latest.sync.requestedAt) > new Date(admitted.at))) {
    return { attrs: admitted.provision, from: "GitLab's" };
  }
  return latest ? { attrs: latest.sync.attrs, from: "CustomersDot's" } : null;
}

/** Where GitLab does not know of a sync that CustomersDot takes for done, that is sent again. */
async function bringGitlabForward(sides: Sides): Promise<Pick<Reconciled, 'sent' | 'underWay'>> {
  const { gitlab, customersDot, isDryRun, onLine } = sides;
  const count = { sent: 0, underWay: 0 };
  const find = (after: string) => latestSyncsAfter(customersDot, after, PAGE);
  for await (const page of pages(find, ({ sync }) => sync.namespaceId)) {
    const seen = await newestSyncsOf(
      gitlab,
      page.map(({ sync }) => sync.namespaceId),
    );
    for (const { sync, ended } of page) {
      if (ended === null) count.underWay += 1;
      // What failed was never admitted, and has its alert.
      if (ended === null || ended === 'failed') continue;
      const newest = seen.get(sync.namespaceId);
      const isKnown = newest && (newest.syncId > sync.id || (newest.syncId === sync.id && newest.hasOutcome));
      if (isKnown) continue;
      onLine(
        `namespace ${sync.namespaceId}: sync ${sync.id} is ${ended}, GitLab has seen ${newest?.syncId ?? 'none'}; it is sent again`,
      );
      if (!isDryRun) await resync(customersDot, sync.id, { force: false });
      count.sent += 1;
    }
  }
  return count;
}

/** Page after page, each of which begins after the last id of the one before. */
async function* pages<T>(
  find: (after: string) => Promise<T[]>,
  idOf: (each: T) => string,
): AsyncGenerator<T[]> {
  for (let after = '0'; ;) {
    const page = await find(after);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = idOf(last);
  }
}
