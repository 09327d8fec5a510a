/**
 * The page of a run in the Temporal UI.
 * @param uiUrl e.g. `http://127.0.0.1:8233`, with or without a slash at the end
 */
export function runUrl(uiUrl: string, namespace: string, workflowId: string, runId: string): string {
  const parts = [namespace, 'workflows', workflowId, runId, 'history'].map(encodeURIComponent);
  return `${uiUrl.replace(/\/+$/, '')}/namespaces/${parts.join('/')}`;
}
