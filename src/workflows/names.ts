/** What clients and operators call: the workflow type, its signal and the queue of its workers. */
export const WORKFLOW_TYPE = 'provisionNamespace';
export const TASK_QUEUE = 'provisioning';

/** The worker deployment whose versions Temporal knows, where workers are versioned. */
export const DEPLOYMENT = 'namespace-provisioner';

/** Tells a run that a newer sync of its namespace waits. Argument: the newer sync's id. */
export const NEWER_SYNC_SIGNAL = 'newerSync';
