import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { latestSyncsOf } from '../../../src/cdot/latestSyncs';
import type { ServiceClient } from '../../support/client';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import type { ServiceProcess } from '../../support/serviceProcess';
import { TemporalProbe } from '../../support/temporal';
import { startOwnService, type OwnService } from '../sections/support/ownService';
import { attrs, CustomersDot } from './support/cdot';

const [GITLAB, CUSTOMERS_DOT] = ['reconciled', 'reconciled_cdot'] as const;

let admin: Client;
let gitlab: OwnService;
let client: ServiceClient;
let temporal: TemporalProbe;
let cdot: CustomersDot;
let sender: ServiceProcess;
beforeAll(async () => {
  admin = new Client({ connectionString: testEnvironment().adminUrl });
  admin.on('error', () => undefined);
  await admin.connect();
  gitlab = await startOwnService(GITLAB);
  client = gitlab.client;
  client.db.on('error', () => undefined);
  temporal = TemporalProbe.in(client.service.temporalNamespace);
  const { adminUrl } = testEnvironment();
  await admin.query(`CREATE DATABASE ${CUSTOMERS_DOT}`);
  const url = adminUrl.replace(/\/postgres$/, `/${CUSTOMERS_DOT}`);
  cdot = await CustomersDot.on(url, client.service.dataDir);
  sender = await cdot.start({});
}, 60_000);
afterAll(async () => {
  await cdot?.close();
  await temporal?.close();
  await gitlab?.stop();
  await admin?.end();
});

/** Makes a copy of a database that nobody uses, as PostgreSQL wants it. */
async function copy(from: string, to: string): Promise<void> {
  await admin.query(
    'SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ANY ($1) AND pid <> pg_backend_pid()',
    [[from, to]],
  );
  await admin.query(`DROP DATABASE IF EXISTS ${to}`);
  await admin.query(`CREATE DATABASE ${to} TEMPLATE ${from}`);
}

/** Stops what works on CustomersDot's database, does something to that, and starts it again. */
async function withoutCustomersDot(work: () => Promise<void>): Promise<void> {
  await sender.stop();
  await work();
  sender = await cdot.start({});
}

async function withoutGitlab(ids: string[], work: () => Promise<void>): Promise<void> {
  // A run that is still open would go on in the restored database, by itself.
  await Promise.all(ids.map((id) => temporal.ended(id)));
  await gitlab.kill();
  await work();
  await gitlab.start();
}

/** Waits until the newest sync of a namespace has ended since it was last asked for. @returns how */
function ended(namespaceId: string): Promise<string> {
  const look = async () => (await latestSyncsOf(cdot.pool, [namespaceId])).get(namespaceId)?.ended;
  return eventually(look, `the newest sync of ${namespaceId} has ended`);
}

/** Records a sync and waits for its end. @returns its id and how it ended */
async function send(namespaceId: string, seats: number): Promise<[number, string]> {
  const { sync } = await cdot.record(namespaceId, attrs(seats));
  return [sync.id, await ended(namespaceId)];
}

const seatsOf = async (namespaceId: string) =>
  Number(
    (await client.rows('SELECT seats FROM gitlab_subscriptions WHERE namespace_id = $1', [namespaceId]))[0]?.[
      'seats'
    ],
  );

const reconcile = (...args: string[]) =>
  cdot.command(['reconcile', ...args], '', { GITLAB_DATABASE_URL: client.service.databaseUrl });
const AGREED = { code: 0, out: 'Both sides know the same of each namespace.\n', err: '' };

const latest = async (namespaceId: string) => (await cdot.syncs(namespaceId)).at(-1);

describe('provisioner reconcile', () => {
  test('changes nothing where nothing was restored', async () => {
    const id = await client.createNamespace();
    await send(id, 1);
    expect(await reconcile()).toEqual(AGREED);
    expect((await cdot.attempts(id)).length).toBe(1);
  });

  test("after a restore of CustomersDot's database new syncs are taken again, and none is lost", async () => {
    const [changed, lost, untouched, unknown, back] = (await Promise.all(
      [1, 2, 3, 4, 5].map(() => client.createNamespace()),
    )) as [string, string, string, string, string];
    for (const id of [changed, lost, untouched, back]) await send(id, 1);
    await withoutCustomersDot(() => copy(CUSTOMERS_DOT, 'reconciled_cdot_backup'));
    for (const id of [changed, lost, unknown, back]) await send(id, 2);
    const [highest] = await send(changed, 3);
    await withoutCustomersDot(() => copy('reconciled_cdot_backup', CUSTOMERS_DOT));

    // Its ids begin again where they were, and GitLab takes what is new for old.
    const [reused, state] = await send(changed, 4);
    expect([reused < highest, state]).toEqual([true, 'skipped']);
    expect(await seatsOf(changed)).toBe(3);
    // Nor does it help to ask for what the restored row says.
    expect((await send(back, 1))[1]).toBe('skipped');

    const told = await reconcile('--dry-run');
    expect(await seatsOf(changed)).toBe(3);
    const { code, out } = await reconcile();
    expect([code, out]).toEqual([0, told.out]);
    expect(out.split('\n')[0]).toBe(
      `ids of new syncs: were about to go on from ${reused}, GitLab has seen ${highest}; go on from ${highest + 1000}`,
    );
    for (const id of [changed, lost, unknown, back]) {
      expect(await ended(id)).toBe('completed');
      expect((await latest(id))?.sync_id).toBeGreaterThan(highest + 1000);
    }
    // What was recorded after the restore is what is wanted now; of the others it is what GitLab has.
    const seats = await Promise.all([changed, lost, untouched, unknown, back].map(seatsOf));
    expect(seats).toEqual([4, 2, 1, 2, 1]);
    expect(await latest(lost)).toMatchObject({ attrs: attrs(2) });
    expect((await cdot.syncs(untouched)).length).toBe(1);
    expect(await send(lost, 5)).toEqual([expect.any(Number), 'completed']);
    expect(await seatsOf(lost)).toBe(5);
    expect(await reconcile()).toEqual(AGREED);
  }, 120_000);

  test("after a restore of GitLab's database what CustomersDot takes for done is sent again", async () => {
    const [behind, refused, untouched, fresh] = (await Promise.all(
      [1, 2, 3, 4].map(() => client.createNamespace()),
    )) as [string, string, string, string];
    for (const id of [behind, refused, untouched]) await send(id, 1);
    await withoutGitlab([behind, refused, untouched], () => copy(GITLAB, 'reconciled_backup'));
    await send(behind, 2);
    await cdot.record(refused, { base_product: { seats: null } });
    expect(await ended(refused)).toBe('partially_failed');
    await send(fresh, 3);
    await withoutGitlab([behind, refused, fresh], () => copy('reconciled_backup', GITLAB));
    expect([await seatsOf(behind), await seatsOf(fresh)]).toEqual([1, NaN]);
    const attempts = (await cdot.attempts(untouched)).length;

    const { code, out } = await reconcile();
    expect([code, out.match(/is sent again/g)]).toEqual([0, Array(3).fill('is sent again')]);
    for (const id of [behind, fresh]) expect(await ended(id)).toBe('completed');
    expect(await ended(refused)).toBe('partially_failed');
    expect([await seatsOf(behind), await seatsOf(fresh)]).toEqual([2, 3]);
    expect((await cdot.attempts(untouched)).length).toBe(attempts);
    expect(await reconcile()).toEqual(AGREED);
  }, 120_000);

  test('a sync whose run had not ended in the restored database is sent again', async () => {
    const id = await client.createNamespace();
    const [syncId] = await send(id, 1);
    await client.rows(`DELETE FROM provisioning.ledger WHERE namespace_id = $1 AND step = 'recordOutcome'`, [
      id,
    ]);
    const { out } = await reconcile();
    expect(out).toBe(
      `namespace ${id}: sync ${syncId} is completed, GitLab has seen ${syncId}; it is sent again\n`,
    );
    expect(await ended(id)).toBe('completed');
    expect(await reconcile()).toEqual(AGREED);
  });

  test('says so when nobody knows any more what GitLab has seen; exit code 1', async () => {
    const id = await client.createNamespace();
    await client.rows(`INSERT INTO provisioning.fences VALUES ($1, 7, 'w', 'r', 'c', now())`, [id]);
    expect(await reconcile()).toMatchObject({
      code: 1,
      out: `namespace ${id}: GitLab has seen sync 7, CustomersDot's newest is none; what it asked for is not known any more: record it with "provisioner sync ${id} …"\n`,
    });
    await client.rows('UPDATE provisioning.fences SET sync_id = 9007199254740991 WHERE namespace_id = $1', [
      id,
    ]);
    expect(await reconcile()).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^provisioner: GitLab has seen sync 9007199254740991, which leaves no room/),
    });
    await client.rows('DELETE FROM provisioning.fences WHERE namespace_id = $1', [id]);
  });
});
