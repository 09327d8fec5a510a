import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import type { ServiceClient } from '../../support/client';
import { eventually } from '../../support/eventually';
import { installFaults } from '../../support/faults';
import { TemporalProbe } from '../../support/temporal';
import { provisioner } from '../cli/support';
import { attrs } from '../cdot/support/cdot';
import { startOwnService, type OwnService } from '../sections/support/ownService';
import { startCommand } from './support/startCommand';

let service: OwnService;
let client: ServiceClient;
let temporal: TemporalProbe;
beforeAll(async () => {
  service = await startOwnService('pruned', 'compensate', (_, url) => installFaults(url));
  client = service.client;
  temporal = TemporalProbe.in(client.service.temporalNamespace);
}, 60_000);
afterAll(async () => {
  await temporal?.close();
  await service?.stop();
});

const environment = () => ({ GITLAB_DATABASE_URL: client.service.databaseUrl });
const prune = (...args: string[]) => provisioner(['prune', '--older-than', '400d', ...args], environment());

/** Makes all rows of a namespace older than what is pruned. */
async function age(namespaceId: string): Promise<void> {
  for (const [table, columns] of Object.entries({
    ledger: ['created_at'],
    outbox: ['created_at', 'released_at'],
  })) {
    const set = columns.map((column) => `${column} = ${column} - interval '401 days'`).join(', ');
    await client.rows(`UPDATE provisioning.${table} SET ${set} WHERE namespace_id = $1`, [namespaceId]);
  }
}

/** Provisions a namespace and waits for success. @returns the run's id */
async function apply(namespaceId: string, seats: number, syncId?: number): Promise<string> {
  const { status, headers } = await client.provision(namespaceId, attrs(seats), syncId);
  expect(status).toBe(200);
  return headers.get('X-Provision-Run-Id') ?? '';
}

const runsOf = async (namespaceId: string) => [
  ...new Set((await client.ledger(namespaceId)).map(({ run_id }) => run_id)),
];

describe('provisioner prune', () => {
  test('deletes old runs and their follow-up work, and keeps the newest that applied something', async () => {
    const id = await client.createNamespace();
    for (const seats of [1, 2]) await apply(id, seats, seats);
    const newest = await apply(id, 3, 3);
    await age(id);
    const young = await client.createNamespace();
    for (const seats of [1, 2]) await apply(young, seats, seats);
    const before = await client.ledger(young);
    const { code, out } = await prune();
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^provisioning.ledger: \d+ rows older than 400 days deleted\n/),
    ]);
    expect(await runsOf(id)).toEqual([newest]);
    expect(await client.outbox(id)).toEqual([]);
    expect(await client.ledger(young)).toEqual(before);
    expect(await client.outbox(young)).not.toEqual([]);
    // The namespace goes on as if nothing had been: the fence still knows the newest sync.
    expect(await client.provision(id, attrs(9), 2)).toMatchObject({ status: 409 });
    await apply(id, 4, 4);
    expect(service.log()).not.toContain('ended without an outcome');
  });

  test('keeps the newest run that applied something behind one that was refused, and both outcomes', async () => {
    const id = await client.createNamespace();
    await apply(id, 1, 1);
    const applied = await apply(id, 2, 2);
    const refused = await client.provision(id, { base_product: { seats: null } }, 3);
    expect(refused.status).toBe(422);
    await age(id);
    await prune();
    expect(await runsOf(id)).toEqual([applied, refused.headers.get('X-Provision-Run-Id')]);
  });

  test('keeps the runs of the newest sync, also behind requests without a sync_id', async () => {
    const id = await client.createNamespace();
    await apply(id, 1, 1);
    const newestSync = await apply(id, 2, 2);
    await apply(id, 3);
    const newest = await apply(id, 4);
    await age(id);
    await prune();
    expect(await runsOf(id)).toEqual([newestSync, newest]);
  });

  test('deletes runs of a namespace that never had a sync_id', async () => {
    const id = await client.createNamespace();
    for (const seats of [1, 2]) await apply(id, seats);
    const newest = await apply(id, 3);
    await age(id);
    await prune();
    expect(await runsOf(id)).toEqual([newest]);
  });

  test('keeps the run of a fence when a run that was reset came after it', async () => {
    const id = await client.createNamespace();
    await apply(id, 1, 1);
    const [named, reset] = [await apply(id, 2), await apply(id, 3)];
    await client.rows('UPDATE provisioning.fences SET run_id = $2 WHERE namespace_id = $1', [id, named]);
    await age(id);
    await prune();
    expect((await runsOf(id)).slice(-2)).toEqual([named, reset]);
  });

  test('keeps what a sink still has to get', async () => {
    const id = await client.createNamespace();
    await apply(id, 1, 1);
    await client.rows(
      `INSERT INTO provisioning.outbox_deliveries (outbox_id, sink, namespace_id, set_aside_at)
       SELECT min(id), 'webhook', $1, now() FROM provisioning.outbox WHERE namespace_id = $1`,
      [id],
    );
    await age(id);
    await prune();
    expect(await client.outbox(id)).toHaveLength(1);
  });

  test('keeps what an open run needs, and its follow-up work', async () => {
    const id = await client.createNamespace();
    await apply(id, 1, 1);
    await client.fault(id, 'subscription_add_on_purchases', '40001');
    const units = { quantity: 3, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A-1' };
    const open = client.provision(id, { ...attrs(2), add_on_purchases: { duo_pro: [units] } }, 2);
    await temporal.pendingActivity(id, 'upsertAddOnPurchases');
    await age(id);
    const held = await client.rows('SELECT id FROM provisioning.outbox WHERE released_at IS NULL');
    expect(held.length).toBeGreaterThan(0);
    await prune();
    expect(await client.rows('SELECT id FROM provisioning.outbox WHERE released_at IS NULL')).toEqual(held);
    await client.heal(id);
    expect(await open).toMatchObject({ status: 200 });
    const steps = (await client.ledger(id)).filter(({ run_id }, _, all) => run_id === all.at(-1)?.run_id);
    expect(steps.map(({ step }) => step)).toEqual([
      'admitSync',
      'updateSubscription',
      'upsertAddOnPurchases',
      'recordOutcome',
    ]);
  });

  test('--dry-run counts what would go, and deletes nothing', async () => {
    const id = await client.createNamespace();
    for (const seats of [1, 2]) await apply(id, seats, seats);
    await age(id);
    const before = [await client.ledger(id), await client.outbox(id)];
    const { code, out } = await prune('--dry-run');
    expect([await client.ledger(id), await client.outbox(id)]).toEqual(before);
    expect([code, out]).toEqual([0, expect.stringContaining('would go')]);
    expect((await prune()).out).toBe(out.replaceAll('would go', 'deleted'));
    expect((await prune()).out.match(/\d+ rows/g)).toEqual(['0 rows', '0 rows']);
  });

  test('Ctrl-C ends it after the batch that runs, and the next call goes on', async () => {
    const fill = `
      INSERT INTO provisioning.ledger (namespace_id, workflow_id, run_id, step, attempt, before, after, result,
        outbox_ids, created_at)
      SELECT 1, 'bulk', 'bulk-' || n, 'recordOutcome', 1, '[]', '[]', '{}', '{}', now() - interval '500 days'
      FROM generate_series(1, 3000) AS n RETURNING id`;
    const ids = (await client.rows<{ id: string }>(fill)).map(({ id }) => id);
    const left = async () =>
      Number(
        (await client.rows(`SELECT count(*) FROM provisioning.ledger WHERE workflow_id = 'bulk'`))[0]?.[
          'count'
        ],
      );
    const holder = new Client({ connectionString: client.service.databaseUrl });
    holder.on('error', () => undefined);
    await holder.connect();
    await holder.query(`BEGIN; SELECT FROM provisioning.ledger WHERE id = ${ids[1_500]} FOR UPDATE`);
    const command = await startCommand(['prune'], environment());
    const isWaiting = `SELECT FROM pg_stat_activity WHERE application_name = 'provisioner prune' AND wait_event_type = 'Lock'`;
    await eventually(async () => (await client.rows(isWaiting)).length === 1, 'a batch waits for a row');
    const before = await left();
    expect(before).toBeLessThan(3_000);
    command.child.kill('SIGINT');
    await holder.query('COMMIT');
    await holder.end();
    expect(await command.ended).toMatchObject({
      code: 130,
      out: expect.stringMatching(/^provisioning.ledger: \d+ rows/),
      err: 'Stopped: what is deleted stays deleted, and the next call goes on.\n',
    });
    expect(await left()).toBeGreaterThan(1);
    await prune();
    expect(await left()).toBe(1); // the newest of its namespace
  });

  test('refuses an age that is none, and names KEEP_FOR', async () => {
    expect(await provisioner(['prune', '--older-than', '400'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('a number of days from 1d to 36500d'),
    });
    expect(await provisioner(['prune'], { KEEP_FOR: '0d' })).toMatchObject({
      code: 1,
      err: 'provisioner: KEEP_FOR must be a number of days from 1d to 36500d\n',
    });
    expect(await provisioner(['prune'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('no service runs here'),
    });
  });
});
