import { describe, expect, test } from '@jest/globals';
import type { AuditedAttempt, AuditedSync } from '../../../src/cdot/audit';
import { syncsTable } from '../../../src/cli/syncsTable';

const NOW = '2026-11-22T21:07:53.930Z';
const LINK = (workflowId: string | null, runId: string | null) =>
  workflowId && runId && `http://ui.example/${workflowId}/${runId}`;

function attempt(
  id: number,
  state: AuditedAttempt['state'],
  more: Partial<AuditedAttempt> = {},
): AuditedAttempt {
  return {
    ...{ id, try: id, state, http_status: 503, message: null, payload: null },
    ...{ created_at: NOW, finished_at: NOW, duration_ms: 340, retry_at: null },
    ...{ correlation_id: 'c', workflow_id: 'provision:1000', run_id: `run-${id}` },
    ...more,
  };
}

function sync(attempts: AuditedAttempt[], more: Partial<AuditedSync> = {}): AuditedSync {
  const about = { sync_id: 1, namespace_id: '1000', attrs: {}, attrs_sha256: '', created_at: NOW };
  return { ...about, changes: null, is_latest: true, attempts, ...more };
}

const states = (...syncs: AuditedSync[]) => {
  const [header = '', ...rows] = syncsTable(syncs, LINK, { isColoured: false, width: null }).split('\n');
  return rows.map((row) => row.slice(header.indexOf('STATE'), header.indexOf('HTTP')).trim());
};

describe('the table of syncs tells apart', () => {
  test('what is retried, what was, and what is given up', () => {
    const retried = attempt(1, 'failed', { retry_at: NOW });
    expect(states(sync([retried, attempt(2, 'failed', { retry_at: NOW })]))).toEqual(['retried', 'retrying']);
    expect(states(sync([retried, attempt(2, 'failed')]))).toEqual(['retried', 'given up']);
  });

  test('what is not sent any more, as a newer one is', () => {
    const overtaken = { is_latest: false };
    expect(states(sync([attempt(1, 'failed', { retry_at: NOW })], overtaken))).toEqual(['overtaken']);
    expect(states(sync([], overtaken), sync([]))).toEqual(['overtaken', 'waiting']);
  });
});

describe('the table of syncs', () => {
  const long =
    'Gitlab subscription seats can’t be blank, Namespace limit additional purchased storage size must be greater';
  const changes = [{ path: 'base_product.seats', before: 10, after: 25 }];
  const syncs = [
    sync([attempt(1, 'partially_failed', { http_status: 422, message: long })], { changes }),
    sync([attempt(2, 'completed', { http_status: 200 })], { sync_id: 2 }),
  ];
  const lines = (width: number | null) => syncsTable(syncs, LINK, { isColoured: true, width }).split('\n');

  const plain = (text: string) => text.replace(/\u001b\[\d+m/g, '');

  test('is whole when no terminal reads it', () => {
    const [header = '', first = ''] = lines(null).map(plain);
    expect(header).toMatch(/^SYNC +NAMESPACE +RECORDED +CHANGED .* OUTCOME +RUN$/);
    expect(first).toContain(long);
    expect(first).toContain('http://ui.example/provision:1000/run-1');
    expect(first).toContain('base_product.seats 10 → 25');
  });

  test.each([60, 80, 100, 120, 160, 200, 300])(
    'fits a terminal of %i columns, without what is needed least',
    (width) => {
      const shown = lines(width).map(plain);
      for (const line of shown) expect(line.length).toBeLessThanOrEqual(width);
      for (const title of ['SYNC', 'NAMESPACE', 'STATE', 'OUTCOME']) expect(shown[0]).toContain(title);
      expect(shown[1]).toMatch(/^1 +1000 .*partially_failed/);
      expect(shown[0]?.includes('RUN')).toBe(width >= 200);
    },
  );
});
