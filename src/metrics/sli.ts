import { Counter, type Registry } from 'prom-client';

// As GitLab has it for this endpoint: `urgency :low` is five seconds, and 5XX is an error.
const LABELS = {
  endpoint_id: 'POST /api/:version/internal/gitlab_subscriptions/namespaces/:id/provision',
  feature_category: 'plan_provisioning',
  request_urgency: 'low',
};
const QUICK_S = 5;

/**
 * One of GitLab's application SLIs, `provision`, counted like its `rails_request`: how many requests failed, and how many of
 * the others were quick enough.
 */
export function createSli(registry: Registry) {
  const counter = (suffix: string, help: string) => {
    const result = new Counter({
      name: `gitlab_sli_provision_${suffix}`,
      help,
      labelNames: Object.keys(LABELS),
      registers: [registry],
    });
    result.inc(LABELS, 0);
    return result;
  };
  const all = counter('total', 'Requests of the endpoint');
  const errors = counter('error_total', 'Requests of the endpoint that were answered 5XX');
  const apdex = counter('apdex_total', 'Requests of the endpoint that were not answered 5XX');
  const quick = counter('apdex_success_total', `Those of them that took ${QUICK_S} seconds at most`);
  return {
    /** Counts one request. @param status of its answer @param durationS seconds until then */
    record(status: number, durationS: number): void {
      all.inc(LABELS);
      if (status >= 500) return errors.inc(LABELS);
      apdex.inc(LABELS);
      if (durationS <= QUICK_S) quick.inc(LABELS);
    },
  };
}
