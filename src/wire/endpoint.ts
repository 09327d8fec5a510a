/** What is served for GitLab's own parts, below one path. */
export const INTERNAL_PATH = '/api/v4/internal';

/** The path of the endpoint (contract 1). @param id the segment that says which namespace: an encoded id, or a pattern */
export const provisionPath = (id: string) =>
  `${INTERNAL_PATH}/gitlab_subscriptions/namespaces/${id}/provision`;
