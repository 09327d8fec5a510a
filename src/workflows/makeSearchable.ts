import { CancellationScope, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { Outcome } from '../domain/sync';
import { executeLocally } from './activityCalls';
import type { Saga } from './saga';
import { outcomeAttributes, startAttributes } from './searchAttributes';

/**
 * Sets the search attributes that the run does not have yet: those of its outcome, and those of its start where it was
 * started without. Temporal refuses a workflow task that sets one which it does not have, and the task is done again: so
 * it is asked, as a part of the same task, which ones it has now. Were that not asked again after a refusal, the run
 * could never close.
 */
export async function makeSearchable({ admission, isCompensated }: Saga, outcome: Outcome): Promise<void> {
  if (!admission) return;
  const { namespace_id, sync_id } = admission.input;
  const given = workflowInfo().typedSearchAttributes;
  const wanted = [...startAttributes(namespace_id, sync_id), ...outcomeAttributes(outcome, isCompensated)];
  const absent = wanted.filter(({ key }) => given.get(key) === undefined);
  if (absent.length === 0) return;
  const known = await knownNames();
  const attributes = absent.filter(({ key }) => known.includes(key.name));
  if (attributes.length > 0) upsertSearchAttributes(attributes);
}

/** Also in a cancelled run. None where Temporal cannot be asked: nothing but a search depends on them. */
function knownNames(): Promise<string[]> {
  return CancellationScope.nonCancellable(() =>
    executeLocally('findSearchAttributes', 'Ask Temporal for its search attributes', []),
  ).catch(() => []);
}
