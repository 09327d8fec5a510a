import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { testEnvironment } from '../../support/environment';
import { provisioner } from '../cli/support';
import { createDatabase } from '../sections/support/ownService';

const ROOT = path.join(__dirname, '../../..');

/** The statements about the ledger and the outbox that a document has, in blocks or in a line. */
function queriesOf(file: string): string[] {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  const code = [...text.matchAll(/^```sql\n([^]*?)^```|`((?:SELECT|UPDATE|DELETE)\b[^`]*)`/gm)];
  return code
    .map(([, block, line]) => (block ?? line ?? '').trim())
    .filter((sql) => /provisioning\.(ledger|outbox)/.test(sql));
}

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  Plans?: PlanNode[];
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

let db: Client;
beforeAll(async () => {
  const url = await createDatabase(testEnvironment().adminUrl, 'runbook_queries');
  await provisioner(['migrate'], { GITLAB_DATABASE_URL: url });
  db = new Client({ connectionString: url });
  await db.connect();
  await db.query(`
    INSERT INTO provisioning.ledger (namespace_id, sync_id, workflow_id, run_id, step, attempt, correlation_id, before,
      after, result, outbox_ids, created_at)
    SELECT run % 1000, run, 'provision:' || run % 1000, 'run-' || run, step, 1, 'request-' || run, '[]', '[]',
      '{"status":"success"}', '{}', now()
    FROM generate_series(1, 10000) AS run, unnest('{admitSync,updateSubscription,recordOutcome}'::text[]) AS step;
    INSERT INTO provisioning.outbox (namespace_id, event, payload, workflow_id, run_id, created_at, released_at)
    SELECT run % 1000, 'index_namespace', '{}', 'provision:' || run % 1000, 'run-' || run, now(), now()
    FROM generate_series(1, 30000) AS run;
    ANALYZE provisioning.ledger, provisioning.outbox`);
}, 60_000);
afterAll(() => db?.end());

test('the runbook has statements about the ledger and the outbox', () => {
  expect(queriesOf('docs/runbook.md').length).toBeGreaterThan(4);
});

test.each(queriesOf('docs/runbook.md'))(
  'an index finds what this statement of the runbook wants: %s',
  async (sql) => {
    const { rows } = await db.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`EXPLAIN (FORMAT JSON) ${sql}`);
    const nodes = nodesOf((rows[0] as (typeof rows)[0])['QUERY PLAN'][0].Plan);
    const scans = nodes.filter((node) => / Scan$/.test(node['Node Type']));
    // To read the whole table in the order of its key is not what an index is for.
    const whole = scans.filter((node) => {
      const index = node['Index Name'] ?? '';
      return (
        node['Node Type'] === 'Seq Scan' || (index.endsWith('_pkey') && node['Index Cond'] === undefined)
      );
    });
    expect([scans.length > 0, whole]).toEqual([true, []]);
  },
);
