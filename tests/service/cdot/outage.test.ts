import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ensureDatabase } from '../../../src/local/database';
import { startPostgres, type LocalPostgres } from '../../../src/local/postgres';
import { testEnvironment } from '../../support/environment';
import { attrs, CustomersDot, eventually } from './support/cdot';
import { done, startStandIn, type StandIn } from './support/standIn';

let postgres: LocalPostgres;
let dataDir: string;
let gitlab: StandIn;
let cdot: CustomersDot;

const settings = { fsync: 'off' };

beforeAll(async () => {
  dataDir = path.join(testEnvironment().directory, 'cdot-outage');
  await mkdir(dataDir);
  [postgres, gitlab] = await Promise.all([startPostgres({ dataDir, port: 0, settings }), startStandIn()]);
  await ensureDatabase(postgres.url('postgres'), 'customers_dot');
  cdot = await CustomersDot.on(postgres.url('customers_dot'), path.join(dataDir, 'cdot'));
});
afterAll(async () => {
  await cdot?.close();
  await gitlab?.close();
  await postgres?.stop();
});

test('the worker survives an outage of its database, in the middle of an attempt too', async () => {
  const [cut, after] = [cdot.newNamespace(), cdot.newNamespace()];
  let answer: () => unknown = () => undefined;
  gitlab.answer(cut, (res, posted) => void (answer = () => done(res, posted)), done);
  const worker = await cdot.start({ PROVISION_API_URL: gitlab.url });
  await cdot.record(cut, attrs(1));
  await gitlab.received(cut, 1);

  await postgres.stop();
  answer(); // the outcome cannot be stored now
  await eventually(async () => (await fetch(`${worker.url}/-/readiness`)).status === 503);
  expect((await fetch(`${worker.url}/-/liveness`)).status).toBe(200);
  postgres = await startPostgres({ dataDir, port: postgres.port, settings });

  await eventually(async () => (await fetch(`${worker.url}/-/readiness`)).status === 200);
  await eventually(async () => (await cdot.record(after, attrs(1))).sync.id > 0);
  expect((await cdot.settled(after)).at(-1)).toMatchObject({ state: 'completed' });
  expect((await cdot.settled(cut)).at(-1)).toMatchObject({ state: 'completed' });
  await eventually(async () => (await cdot.jobs()).length === 0);
  expect(worker.child.exitCode).toBeNull();
}, 90_000);
