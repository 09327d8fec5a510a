import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually';
import { Exposition } from '../../support/exposition';
import { Outbox } from '../relay/support/outbox';
import { answerWith, SECRET, startReceiver, type Receiver } from '../relay/support/receiver';
import { grantsOf, needlessGrants } from './support/grants';
import { createLogin, execute, migrateAndGrant } from './support/logins';
import { startStatementTap, type StatementTap } from './support/statementTap';

const NAME = 'relay_grants';
const ROLE = 'provisioner_relay';
const EVENT = 'refresh_seats';

let outbox: Outbox;
let tap: StatementTap;
let receiver: Receiver;
beforeAll(async () => {
  [outbox, receiver] = await Promise.all([Outbox.create(NAME), startReceiver()]);
  await migrateAndGrant(outbox.databaseUrl, 'GITLAB_DATABASE_URL');
  tap = await startStatementTap(await createLogin(outbox.databaseUrl, ROLE, `${NAME}_login`));
  outbox.useWay(tap.url);
}, 60_000);
afterAll(async () => {
  await outbox?.close();
  await receiver?.close();
  await tap?.close();
});

test('the relay and its commands work with the grants of deploy/sql/gitlab.sql, and need every one of them', async () => {
  const relay = await outbox.relay({
    OUTBOX_WEBHOOK_URL: receiver.url,
    OUTBOX_WEBHOOK_SECRET: SECRET,
    OUTBOX_MAX_ATTEMPTS: '1',
  });
  const setAside = async () => {
    const namespaceId = outbox.newNamespace();
    receiver.answer(namespaceId, EVENT, answerWith(400));
    await outbox.due(namespaceId, EVENT, 'index_namespace');
    const [row] = await eventually(async () => {
      const rows = await outbox.rows(namespaceId);
      return rows[0]?.deliveries[0]?.is_set_aside && rows[1]?.is_delivered && rows;
    }, 'the first one is set aside, and the other delivered');
    return row?.id ?? '';
  };
  await Exposition.of(relay.relayUrl);
  const [retried, discarded] = [await setAside(), await setAside()];
  for (const args of [['list'], ['retry', retried], ['discard', discarded]]) {
    expect(await outbox.command(['outbox', ...args])).toMatchObject({ code: 0 });
  }
  expect(await outbox.command(['check', '--only', 'relay'])).toMatchObject({ code: 0 });
  await relay.stop();
  expect(relay.log()).not.toContain('permission denied');
  const grants = await grantsOf(outbox.db, ROLE);
  expect(grants.length).toBeGreaterThan(15);
  expect(await needlessGrants(outbox.db, ROLE, grants, tap)).toEqual([]);
}, 120_000);

test.each([
  ['read of what a run changed', 'SELECT before FROM provisioning.ledger'],
  ['read of a namespace', 'SELECT path FROM namespaces'],
  ['release', 'UPDATE provisioning.outbox SET released_at = now()'],
  ['change of what an event says', `UPDATE provisioning.outbox SET payload = '{}'`],
  ['new event', `INSERT INTO provisioning.outbox (event) VALUES ('x')`],
  ['deletion of an event', 'DELETE FROM provisioning.outbox'],
  ['deletion of what the ledger says', 'DELETE FROM provisioning.ledger'],
  ['write of the history of migrations', 'DELETE FROM provisioning.migrations'],
  ['new table', 'CREATE TABLE provisioning.x ()'],
])('is refused any %s', async (_name, sql) => {
  await expect(execute(tap.url, [sql])).rejects.toMatchObject({ code: '42501' });
});
