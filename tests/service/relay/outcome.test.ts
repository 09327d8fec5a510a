import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testEnvironment } from '../../support/environment';
import { eventually } from '../../support/eventually';
import { startServiceProcess, type ServiceProcess } from '../../support/serviceProcess';
import { fullSync } from '../../support/syncs';
import { basic, open, textOf } from '../audit/support';
import { startOwnService, type OwnService } from '../sections/support/ownService';
import { answerWith, SECRET, startReceiver, type Receiver } from './support/receiver';

const AUDITOR = { AUDIT_USER: 'auditor', AUDIT_PASSWORD: 'secret' };

let service: OwnService;
let receiver: Receiver;
let relay: ServiceProcess;
beforeAll(async () => {
  receiver = await startReceiver();
  service = await startOwnService('relay_outcome', 'compensate', undefined, AUDITOR);
  const { databaseUrl } = service.client.service;
  const dataDir = path.join(testEnvironment().directory, 'relay_outcome_relay');
  await mkdir(dataDir);
  relay = await startServiceProcess(
    {
      ...{ DATA_DIR: dataDir, GITLAB_DATABASE_URL: databaseUrl },
      ...{ OUTBOX_WEBHOOK_URL: receiver.url, OUTBOX_WEBHOOK_SECRET: SECRET, OUTBOX_MAX_ATTEMPTS: '1' },
    },
    ['--only', 'relay'],
  );
}, 60_000);
afterAll(async () => {
  await relay?.stop();
  await service?.stop();
  await receiver?.close();
});

const delivered = (id: string) =>
  eventually(async () => {
    const rows = await service.client.rows<{ id: string; event: string; delivered_at: string | null }>(
      'SELECT id, event, delivered_at FROM provisioning.outbox WHERE namespace_id = $1 ORDER BY id',
      [id],
    );
    return rows.length > 0 && rows.every(({ delivered_at }) => delivered_at !== null) && rows;
  }, 'all is delivered');
const auditPage = async (id: string) => {
  const { apiUrl } = service.client.service;
  return textOf((await open(apiUrl, `/namespaces/${id}`, basic('auditor', 'secret'))).html);
};

test('what a sync has to be followed by is delivered with its sync and its run, after its outcome', async () => {
  const id = await service.client.createNamespace();
  const { status, headers } = await service.client.provision(id, fullSync(3), 12);
  expect(status).toBe(200);
  const rows = await delivered(id);
  expect(receiver.of(id).map(({ body }) => [body.type, body.data['sync_id'], body.data.run_id])).toEqual(
    rows.map(({ event }) => [event, 12, headers.get('x-provision-run-id')]),
  );
  expect(rows.map(({ event }) => event)).toContain('enable_code_review_flow');
  const text = await auditPage(id);
  for (const { event, delivered_at } of rows) {
    expect(text).toContain(`${event} to webhook ${String(delivered_at).slice(0, 19)} UTC`);
  }
});

test('a run that is undone is followed by nothing', async () => {
  const { client } = service;
  const [undone, other] = [await client.createNamespace(), await client.createNamespace()];
  await client.rows(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.namespace_id = ${undone} THEN RAISE EXCEPTION 'no' USING ERRCODE = '23514'; END IF; RETURN NEW; END $$`,
  );
  await client.rows(
    'CREATE TRIGGER refuse BEFORE INSERT ON subscription_add_on_purchases FOR EACH ROW EXECUTE FUNCTION refuse()',
  );
  expect((await client.provision(undone, fullSync(3), 1)).status).toBe(422);
  expect((await client.provision(other, fullSync(3), 1)).status).toBe(200);
  await delivered(other);
  expect(receiver.of(undone)).toEqual([]);
  expect(await client.outbox(undone)).toEqual([]);
});

test('the audit page says what a sink refused, and what is not released', async () => {
  const { client } = service;
  const id = await client.createNamespace();
  receiver.answer(id, 'enable_code_review_flow', answerWith(400));
  expect((await client.provision(id, {}, 1)).status).toBe(200);
  await eventually(
    async () =>
      (await auditPage(id)).includes('enable_code_review_flow webhook set aside after 1 try: answered 400'),
    'it is set aside',
  );
  await client.rows('UPDATE provisioning.outbox SET released_at = NULL WHERE namespace_id = $1', [id]);
  expect(await auditPage(id)).toContain('enable_code_review_flow waits for the outcome of its run');
});
