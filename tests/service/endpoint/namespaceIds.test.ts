import { describe, expect, test } from '@jest/globals';
import { findNamespace } from '../../../src/db/namespaces';
import type { Statement } from '../../../src/db/statement';
import { sharedService } from '../../support/shared';
import { JSON_TYPE, NOTHING_ASKED, postJson, send, TOKEN, type WireAnswer } from './support';

const client = sharedService();

const NOT_FOUND = { status: 404, text: '{"message":"404 Namespace Not Found"}' };
const NOT_ROOT = { status: 400, text: '{"message":"400 Bad request - Must be root namespace"}' };
const FOUND = { status: 200, text: NOTHING_ASKED };

/** Posts to `:id` exactly as it is spelled here. */
async function postTo(encodedId: string): Promise<WireAnswer> {
  return send(client.service.apiUrl, {
    path: `/api/v4/internal/gitlab_subscriptions/namespaces/${encodedId}/provision`,
    headers: { ...JSON_TYPE, [TOKEN]: await client.token() },
    body: '{"provision":{}}',
  });
}

/** A path that no other namespace has. */
async function freshPath(prefix: string): Promise<string> {
  const [row] = await client.rows<{ id: string }>(`SELECT nextval('namespaces_id_seq') AS id`);
  return `${prefix}-${row?.id}`;
}

describe('a primary key', () => {
  test('names the namespace, leading zeros and all', async () => {
    const id = await client.createNamespace();
    expect(await postTo(id)).toMatchObject(FOUND);
    expect(await postTo(`000${id}`)).toMatchObject(FOUND);
    expect((await postTo(`000${id}`)).headers['x-provision-workflow-id']).toBe(`provision:${id}`);
  });

  test('may be negative or the largest of int8, as far as the endpoint is concerned', async () => {
    for (const id of ['-4711', '9223372036854775807', '-9223372036854775808']) {
      await client.insert('namespaces', {
        id,
        name: 'odd',
        path: `odd${id}`,
        type: 'Group',
        organization_id: 1,
      });
      const { status, headers } = await postTo(id);
      expect({ status, workflow: headers['x-provision-workflow-id'] }).toEqual({
        status: 200,
        workflow: `provision:${id}`,
      });
    }
  });

  test('is never taken for the path of another namespace', async () => {
    const path = '88880000088880000';
    await client.createNamespace({ path });
    expect(await postTo(path)).toMatchObject(NOT_FOUND);
  });

  test.each([
    ['that no namespace has', '999999999999'],
    ['that is zero', '0'],
    ['that is minus zero', '-0'],
    ['that is negative', '-999999'],
    ['just above int8', '9223372036854775808'],
    ['just below int8', '-9223372036854775809'],
    ['of 2^64', '18446744073709551616'],
    ['with ten thousand digits', '1'.repeat(10_000)],
  ])('%s is not found', async (_name, id) => {
    expect(await postTo(id)).toMatchObject(NOT_FOUND);
  });
});

describe('what is no primary key is a path', () => {
  test.each([
    ['a number with an exponent', '1e3'],
    ['a fraction', '1.0'],
    ['a hexadecimal number', '0x1'],
    ['a plus sign', '%2B1'],
    ['two minus signs', '--1'],
    ['a space before the digits', '%201'],
    ['a line break after the digits', '1%0A'],
    ['digits of another script', encodeURIComponent('١')],
    ['the parent directory', '%2e%2e%2f1'],
    ['a NUL', '%00'],
    ['digits and a NUL', '1%00'],
    ['bytes that are no UTF-8', '%ff'],
    ['an encoded surrogate', '%ed%a0%80'],
    ['half an escape', '%4'],
    ['a percent sign', '%25'],
    ['a slash only', '%2F'],
    ['an empty segment', 'a%2F%2Fb'],
    ['SQL', encodeURIComponent(`1'; DROP TABLE namespaces; --`)],
    ['a wildcard', '%25'],
    ['a pattern for arrays', encodeURIComponent('{"a","b"}')],
    ['a backslash', '%5C'],
    ['an emoji', encodeURIComponent('🦊')],
    ['10 kB', 'x'.repeat(10_000)],
    ['a thousand segments', Array(1000).fill('a').join('%2F')],
  ])('%s: not found, no error', async (_name, id) => {
    expect(await postTo(id)).toMatchObject(NOT_FOUND);
  });

  test('dots that are not encoded leave the route and find nothing', async () => {
    const id = await client.createNamespace();
    expect((await postTo(`../${id}`)).status).toBe(404);
    expect((await postTo(`x/../${id}`)).status).toBe(404);
    expect((await postTo('')).status).toBe(404);
  });

  test('a root namespace is found by its path', async () => {
    const path = await freshPath('found');
    const id = await client.createNamespace({ path });
    const answer = await postTo(path);
    expect(answer).toMatchObject(FOUND);
    expect(answer.headers['x-provision-workflow-id']).toBe(`provision:${id}`);
  });

  test('a path may hold dots, dashes and letters of any script', async () => {
    const path = `${await freshPath('a.b_c')}-grüppe-组-🦊`;
    await client.createNamespace({ path });
    expect(await postTo(encodeURIComponent(path))).toMatchObject(FOUND);
  });

  test('a sub-group is found by its full path only, and refused', async () => {
    const [a, b, c] = [await freshPath('a'), await freshPath('b'), await freshPath('c')];
    const root = await client.createNamespace({ path: a });
    const child = await client.createNamespace({ path: b, parent_id: root });
    await client.createNamespace({ path: c, parent_id: child });
    expect(await postTo(`${a}%2F${b}`)).toMatchObject(NOT_ROOT);
    expect(await postTo(`${a}%2f${b}%2F${c}`)).toMatchObject(NOT_ROOT);
    for (const other of [b, c, `${a}%2F${c}`, `${b}%2F${c}`, `${a}%2F${b}%2F`, `%2F${a}`, `${a}%2F`]) {
      expect(await postTo(other)).toMatchObject(NOT_FOUND);
    }
  });

  test('a sub-group with the path of a root namespace does not hide it', async () => {
    const path = await freshPath('twin');
    const parent = await client.createNamespace();
    await client.createNamespace({ path, parent_id: parent });
    const root = await client.createNamespace({ path });
    expect((await postTo(path)).headers['x-provision-workflow-id']).toBe(`provision:${root}`);
  });
});

describe('by type and level', () => {
  test('a sub-group is refused by its primary key, too', async () => {
    const parent = await client.createNamespace();
    expect(await postTo(await client.createNamespace({ parent_id: parent }))).toMatchObject(NOT_ROOT);
  });

  test('a row of type Project is not found, by key or by path, with or without a parent', async () => {
    const [group, project] = [await freshPath('group'), await freshPath('project')];
    const parent = await client.createNamespace({ path: group });
    const inGroup = await client.createNamespace({ path: project, type: 'Project', parent_id: parent });
    const alone = await client.createNamespace({ path: `${project}-alone`, type: 'Project' });
    for (const id of [inGroup, alone, `${group}%2F${project}`, `${project}-alone`]) {
      expect(await postTo(id)).toMatchObject(NOT_FOUND);
    }
  });

  test('a User namespace passes; only add-ons refuse it', async () => {
    const id = await client.createNamespace({ type: 'User' });
    expect(
      (await client.provision(id, { compute_minutes: { shared_runners_minutes_limit: 7 } })).status,
    ).toBe(200);
    const purchase = { quantity: 1, started_on: '2026-01-01', expires_on: '2027-01-01', purchase_xid: 'A' };
    const { status, text } = await postJson(client, id, {
      provision: { add_on_purchases: { duo_core: [purchase] } },
    });
    expect({ status, message: (JSON.parse(text) as { message: string }).message }).toEqual({
      status: 422,
      message: 'Namespace is invalid.',
    });
  });
});

describe('paths without regard to case, as GitLab finds them', () => {
  const workflowOf = async (path: string) =>
    (await postTo(encodeURIComponent(path))).headers['x-provision-workflow-id'];

  test('any case finds the namespace', async () => {
    const path = await freshPath('Demo-Group');
    const id = await client.createNamespace({ path });
    for (const spelled of [path, path.toLowerCase(), path.toUpperCase()])
      expect(await workflowOf(spelled)).toBe(`provision:${id}`);
  });

  test('the exact spelling comes first, also of a whole path', async () => {
    const path = await freshPath('twin');
    const other = await client.createNamespace({ path: path.toUpperCase() });
    const exact = await client.createNamespace({ path, name: 'exact' });
    expect(await workflowOf(path)).toBe(`provision:${exact}`);
    expect(await workflowOf(path.toUpperCase())).toBe(`provision:${other}`);
    const child = (parent_id: string, name: string) =>
      client.createNamespace({ parent_id, path: name, name });
    await child(other, 'Sub');
    expect(await postTo(encodeURIComponent(`${path}/SUB`))).toMatchObject(NOT_ROOT);
  });

  test('a sub-group is found in any case, and refused as one', async () => {
    const path = await freshPath('parent');
    const parent_id = await client.createNamespace({ path });
    await client.createNamespace({ parent_id, path: 'Child' });
    expect(await postTo(encodeURIComponent(`${path.toUpperCase()}/cHILD`))).toMatchObject(NOT_ROOT);
  });

  test('the look-up uses an index that GitLab has, however many namespaces there are', async () => {
    const db = await client.db.connect();
    try {
      await db.query('BEGIN');
      await db.query(
        `INSERT INTO namespaces (id, name, path, type, organization_id, parent_id)
         SELECT 5000000 + n, 'n' || n, 'Path-' || n, CASE n % 3 WHEN 0 THEN 'Project' ELSE 'Group' END, 1,
           CASE WHEN n % 3 = 0 THEN 5000001 END FROM generate_series(1, 20000) AS n`,
      );
      await db.query('ANALYZE namespaces');
      const statement = findNamespace('path-1/path-3') as Statement<unknown>;
      const { rows } = await db.query<{ 'QUERY PLAN': string }>(
        `EXPLAIN ${statement.text}`,
        statement.values,
      );
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toContain('index_namespaces_on_path_for_top_level_non_projects');
      expect(plan).not.toContain('Seq Scan on namespaces');
    } finally {
      await db.query('ROLLBACK');
      db.release();
      await client.db.query('ANALYZE namespaces');
    }
  });
});
