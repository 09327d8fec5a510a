/** Below it is what is served for GitLab's own parts. */
export const INTERNAL_PATH = '/api/v4/internal';

/** The path of the endpoint (contract 1). @param id its segment for the namespace: an encoded id, or a pattern */
export const provisionPath = <Id extends string>(id: Id) =>
  `${INTERNAL_PATH}/gitlab_subscriptions/namespaces/${id}/provision` as const;
