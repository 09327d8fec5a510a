import type { Config } from '../config/config';
import { runUrl } from '../worker/links';
import { findRuntime } from './runtimeFile';

/** The page of a run, or of a workflow's newest run, in the Temporal UI; null: it is not known where that is. */
export type RunLink = (workflowId: string | null, runId: string | null) => string | null;

/** Links are made when they are shown, as the UI may be elsewhere by then: the configured one, or the one that runs here. */
export async function openRunLinks(config: Config): Promise<RunLink> {
  const { temporalUiUrl, temporalNamespace } = await findRuntime(config.dataDir);
  const uiUrl = config.temporalUiUrl ?? temporalUiUrl;
  const namespace = config.temporal?.namespace ?? temporalNamespace ?? config.temporalNamespace;
  return (workflowId, runId) =>
    uiUrl === null || workflowId === null ? null : runUrl(uiUrl, namespace, workflowId, runId);
}
