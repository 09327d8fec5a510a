/**
 * The page of a run in the Temporal UI.
 * @param uiUrl e.g. `http://127.0.0.1:8233`, with or without a slash at the end
 * @param runId null: the newest run of the workflow
 */
export function runUrl(uiUrl: string, namespace: string, workflowId: string, runId: string | null): string {
  const run = runId === null ? [] : [runId, 'history'];
  const parts = [namespace, 'workflows', workflowId, ...run].map(encodeURIComponent);
  return `${uiUrl.replace(/\/+$/, '')}/namespaces/${parts.join('/')}`;
}
