import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Logger, run } from 'graphile-worker';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { Exposition } from '../../support/exposition';
import { attrs, CustomersDot } from '../cdot/support/cdot';
import { done, json, startStandIn, unavailable, type StandIn } from '../cdot/support/standIn';
import { grantsOf, needlessGrants } from './support/grants';
import { createLogin, migrateAndGrant } from './support/logins';
import { startStatementTap, type StatementTap } from './support/statementTap';

const NAME = 'cdot_grants';
const ROLE = 'provisioner_customers_dot';

/** As the owner. */
let owner: CustomersDot;
/** As a login with the role: processes, commands, and whoever records syncs. */
let cdot: CustomersDot;
let tap: StatementTap;
let api: StandIn;
beforeAll(async () => {
  owner = await CustomersDot.create(NAME);
  await migrateAndGrant(owner.databaseUrl, 'CUSTOMERS_DOT_DATABASE_URL');
  tap = await startStatementTap(await createLogin(owner.databaseUrl, ROLE, `${NAME}_login`));
  cdot = await CustomersDot.on(tap.url, path.join(testEnvironment().directory, `${NAME}_data`));
  api = await startStandIn();
}, 60_000);
afterAll(async () => {
  await Promise.all([cdot, owner].map((each) => each?.close()));
  await api?.close();
  await tap?.close();
});

const start = () =>
  cdot.start({ PROVISION_API_URL: api.url, SUBSCRIPTION_PORTAL_URL: 'http://portal.example' });

/** Delivers syncs: one that is applied, one that is refused, one that is sent twice, one whose process is killed. */
async function playDeliveries(): Promise<void> {
  const [applied, refused, retried, held] = ['1', '2', '3', '4'] as const;
  api.answer(refused, json(422, { status: 'error', message: 'Seats', payload: {} }));
  api.answer(retried, unavailable, done);
  api.answer(held, () => undefined, done);
  const first = await start();
  for (const id of [applied, refused, retried]) await cdot.record(id, attrs(1));
  for (const id of [applied, refused, retried]) await cdot.settled(id);
  await Exposition.of(first.url);
  await cdot.record(held, attrs(1));
  await api.received(held, 1);
  await first.stop('SIGKILL');
  const second = await start();
  expect((await cdot.settled(held, 30_000)).at(-1)).toMatchObject({ state: 'completed' });
  await cdot.record(applied, attrs(1)); // the same again
  await cdot.settled(applied);
  for (const command of [
    ['resync', '1'],
    ['syncs', '--failed'],
  ]) {
    expect(await cdot.command(command)).toMatchObject({ code: 0 });
  }
  await cdot.settled(applied);
  for (const { log } of [first, second]) expect(log()).not.toContain('permission denied');
  await second.stop();
}

/** What the queue does now and then, at once: it frees what was locked for hours, and marks what has failed. */
async function playHousekeeping(): Promise<void> {
  const runner = await run({
    ...{ pgPool: cdot.pool, noHandleSignals: true, logger: new Logger(() => () => undefined) },
    preset: { worker: { minResetLockedInterval: 1, maxResetLockedInterval: 1 } },
    taskList: { fails: () => Promise.reject(new Error('as it should')) },
  });
  await runner.addJob('fails', {});
  const isSent = (what: string) => [...tap.statements.keys()].some((text) => text.includes(what));
  await eventually(async () => isSent("interval '4 hours'") && isSent('last_error'), 'the queue keeps house');
  await runner.stop();
}

test("CustomersDot's side works with the grants of deploy/sql/customers_dot.sql, and needs every one of them", async () => {
  await playDeliveries();
  await playHousekeeping();
  const grants = await grantsOf(owner.pool, ROLE);
  expect(grants.length).toBeGreaterThan(20);
  expect(await needlessGrants(owner.pool, ROLE, grants, tap)).toEqual([]);
}, 120_000);

test.each([
  ['deletion of what was recorded', 'DELETE FROM gitlab_namespaces_syncs'],
  ['change of what a sync says', `UPDATE gitlab_namespaces_syncs SET attrs = '{}'`],
  ['deletion of an attempt', 'DELETE FROM gitlab_namespaces_sync_attempts'],
  ['write of the history of migrations', 'DELETE FROM gitlab_namespaces_sync_migrations'],
  ["write of the history of the queue's migrations", 'DELETE FROM graphile_worker.migrations'],
  ['new table', 'CREATE TABLE x ()'],
])('is refused any %s', async (_name, sql) => {
  await expect(cdot.pool.query(sql)).rejects.toMatchObject({ code: '42501' });
});
