import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../../src/activities';
import { answerOf, type Answer, type SectionEntries } from '../../src/domain/answer';
import { STEPS } from '../../src/domain/sections';
import type { SyncInput } from '../../src/domain/sync';

const activities = proxyActivities<Activities>({ startToCloseTimeout: '20s' });

/** The sync as a first reading of Temporal's documentation would write it: one regular activity after the other. */
export async function provisionNaively(input: SyncInput): Promise<Answer> {
  const { firstExecutionRunId, startTime } = workflowInfo();
  const started_at = startTime.toISOString();
  const origin = { chain_id: firstExecutionRunId, started_at };
  const admission = await activities.admitSync({ kind: 'unchecked', request: input, ...origin });
  const run = { kind: 'admitted' as const, input: admission.input };
  const entries: SectionEntries = {};
  for (const { step } of STEPS) {
    const result = await activities[step](run);
    if (result.kind === 'done') Object.assign(entries, result.entries);
  }
  const answer = answerOf(entries);
  await activities.recordOutcome(run, answer);
  return answer;
}
