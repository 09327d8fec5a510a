import type { ServiceClient } from '../../support/client';
import { AUDITOR } from '../../support/environment';

/** The header of HTTP Basic. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** Opens an audit page; a redirect is not followed. @param authorization null: nobody */
export async function open(
  apiUrl: string,
  path: string,
  authorization: string | null = basic(AUDITOR.user, AUDITOR.password),
): Promise<{ status: number; headers: Headers; html: string }> {
  const response = await fetch(apiUrl + path, {
    redirect: 'manual',
    ...(authorization !== null && { headers: { authorization } }),
  });
  return { status: response.status, headers: response.headers, html: await response.text() };
}

/** What a page says, without its tags. */
export function textOf(html: string): string {
  return html
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ');
}

/** Writes the outcomes of runs that never were straight into the ledger, two rows each, with the syncs 1 to `count`. */
export async function inventRuns(client: ServiceClient, namespaceId: string, count: number): Promise<void> {
  await client.rows(
    `INSERT INTO provisioning.ledger (namespace_id, sync_id, workflow_id, run_id, step, attempt, before, after,
       result, outbox_ids, created_at, run_started_at)
     SELECT $1::bigint, sync, 'provision:' || $1::text, $1::text || '-' || sync, step, 1, '[]', '[]',
       CASE step WHEN 'recordOutcome' THEN '{"status":"failed","message":"Invented"}' ELSE '{}' END::jsonb,
       '{}', '2026-03-01 00:00:01.5+00'::timestamptz + sync * interval '1 minute',
       '2026-03-01 00:00:00+00'::timestamptz + sync * interval '1 minute'
     FROM generate_series(1, $2::int) AS sync, unnest(ARRAY['updateSubscription', 'recordOutcome']) AS step
     ORDER BY step DESC, sync`, // the rows of the runs are not beside each other
    [namespaceId, count],
  );
}
