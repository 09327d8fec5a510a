import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually';
import { Exposition } from '../../support/exposition';
import { attrs, CustomersDot } from './support/cdot';
import { startStandIn, type StandIn } from './support/standIn';

let cdot: CustomersDot;
let gitlab: StandIn;
let worker: Awaited<ReturnType<CustomersDot['start']>>;

beforeAll(async () => {
  [cdot, gitlab] = await Promise.all([CustomersDot.create('cdot_outcomes'), startStandIn()]);
  await cdot.pool.query(`
    CREATE TABLE test_refusals (namespace_id bigint, errcode text);
    CREATE FUNCTION test_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      refusal test_refusals;
    BEGIN
      SELECT * INTO refusal FROM test_refusals WHERE namespace_id = NEW.namespace_id;
      IF FOUND AND (NEW.response IS NOT NULL OR refusal.errcode !~ '^22') THEN
        RAISE EXCEPTION 'injected' USING ERRCODE = refusal.errcode;
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER test_refuse BEFORE UPDATE ON gitlab_namespaces_sync_attempts
      FOR EACH ROW EXECUTE FUNCTION test_refuse();`);
  worker = await cdot.start({ PROVISION_API_URL: gitlab.url });
});
afterAll(async () => {
  await cdot.close();
  await gitlab.close();
});

async function syncWith(errcode: string): Promise<string> {
  const namespace = cdot.newNamespace();
  await cdot.pool.query('INSERT INTO test_refusals VALUES ($1, $2)', [namespace, errcode]);
  await cdot.record(namespace, attrs(1));
  return namespace;
}

const heal = (namespace: string) =>
  cdot.pool.query('DELETE FROM test_refusals WHERE namespace_id = $1', [namespace]);

const count = async (reason: string) =>
  (await Exposition.of(worker.url)).value('provisioner_unstored_outcomes_total', { reason }) ?? 0;

const logged = () =>
  worker
    .log()
    .split('\n')
    .filter((line) => /the outcome of an attempt (is not stored yet|cannot be stored)/.test(line))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('an outcome whose answer the database refuses is stored without it, logged and counted', async () => {
  const namespace = await syncWith('22P05');
  expect(await cdot.settled(namespace)).toMatchObject([
    {
      state: 'completed',
      http_status: 200,
      message: 'The answer cannot be stored: untranslatable_character',
      payload: null,
    },
  ]);
  expect(await count('refused')).toBe(1);
  expect(logged().at(-1)).toMatchObject({
    severity: 'ERROR',
    reason: 'refused',
    attempt_id: expect.any(Number),
  });
  expect(JSON.stringify(logged().at(-1))).toContain('"exception.code":"22P05"');
});

test.each([
  ['transient', '53100', 'WARN'],
  ['schema', '42501', 'ERROR'],
  ['bug', '42883', 'ERROR'],
])(
  'one that cannot be stored at all (%s) is tried until it can be, visibly, and sent only once',
  async (...row) => {
    const [reason, errcode, severity] = row;
    const namespace = await syncWith(errcode);
    await eventually(async () => (await count(reason)) >= 2, 'two failures are counted');
    expect(await cdot.attempts(namespace)).toMatchObject([{ state: 'started' }]);
    expect(logged().at(-1)).toMatchObject({ severity, reason });
    expect(JSON.stringify(logged().at(-1))).toContain(`"exception.code":"${errcode}"`);
    await heal(namespace);
    expect(await cdot.settled(namespace)).toMatchObject([{ state: 'completed', message: null }]);
    expect(gitlab.posts.filter((post) => post.namespaceId === namespace)).toHaveLength(1);
  },
);
