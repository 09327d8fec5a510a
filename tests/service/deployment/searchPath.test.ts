import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fullSync } from '../../support/syncs';
import { startOwnService, type OwnService } from '../sections/support/ownService';
import { createLogin, execute } from './support/logins';

// Each fits our statements better than the built-in one that takes any type, or another one by a cast.
const FUNCTIONS: [name: string, argument: string][] = [
  ['lower', 'varchar'],
  ['to_jsonb', 'namespace_settings'],
  ['jsonb_agg', 'jsonb'],
  ['cardinality', 'text[]'],
  ['unnest', 'text[]'],
  ['unnest', 'bigint[]'],
  ['date_trunc', 'text, date'],
];
const OPERATORS: [name: string, argument: string][] = [
  ['=', 'varchar'],
  ['<>', 'varchar'],
];

let own: OwnService;
beforeAll(async () => {
  own = await startOwnService(
    'search_path',
    'compensate',
    async (_namespace, url) => {
      await execute(url, ['GRANT CREATE ON SCHEMA public TO PUBLIC']);
      const intruder = await createLogin(url, 'pg_read_all_data', 'intruder');
      const body = (result: string) =>
        `RETURNS ${result} LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked as %', current_user; END $$`;
      const made = [
        ...FUNCTIONS.map(([name, argument]) => `CREATE FUNCTION public.${name}(${argument}) ${body('text')}`),
        `CREATE FUNCTION public.compare(varchar, varchar) ${body('boolean')}`,
        ...OPERATORS.map(
          ([name, argument]) =>
            `CREATE OPERATOR public.${name} (FUNCTION = compare, LEFTARG = ${argument}, RIGHTARG = ${argument})`,
        ),
      ];
      await execute(intruder, made);
      // And the role's own path leads elsewhere first.
      await execute(url, [
        'CREATE SCHEMA decoy',
        'CREATE TABLE decoy.namespaces (LIKE public.namespaces)',
        'ALTER DATABASE search_path SET search_path = decoy, public',
      ]);
    },
    { AUDIT_USER: 'auditor', AUDIT_PASSWORD: 'secret' },
  );
});
afterAll(() => own?.stop());

test('what a role that may create in public makes there is not run by the service', async () => {
  const { client } = own;
  await client.db.query('SET search_path = public'); // of the test's own connection
  const { rows } = await client.db.query<{ id: string }>(
    `INSERT INTO public.namespaces (name, path, type, organization_id) VALUES ('s', 'Some-Path', 'Group', 1) RETURNING id`,
  );
  const id = rows[0]?.id ?? '';
  await client.db.query(
    'INSERT INTO public.namespace_settings (namespace_id, created_at, updated_at) VALUES ($1, now(), now())',
    [id],
  );
  for (const [key, n] of [
    [id, 1],
    ['some-path', 2],
  ] as const) {
    expect((await client.provision(key, fullSync(n), n)).body).toMatchObject({ status: 'success' });
  }
  const authorization = `Basic ${Buffer.from('auditor:secret').toString('base64')}`;
  expect(
    (await fetch(`${client.service.apiUrl}/namespaces/${id}`, { headers: { authorization } })).status,
  ).toBe(200);
  expect(own.log()).not.toContain('hijacked');
});
