import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../../src/activities';
import { answerOf, type Answer, type SectionEntries } from '../../src/domain/answer';
import { STEPS } from '../../src/domain/sections';
import type { StepResult, SyncInput } from '../../src/domain/sync';

const activities = proxyActivities<Activities>({ startToCloseTimeout: '20s' });

/** The sync as a first reading of Temporal's documentation would write it: one regular activity after the other. */
export async function provisionNaively(input: SyncInput): Promise<Answer> {
  const { firstExecutionRunId, startTime } = workflowInfo();
  const opening = { request: input, chain_id: firstExecutionRunId, started_at: startTime.toISOString() };
  const admission = await activities.admitSync(opening);
  const entries: SectionEntries = {};
  for (const { step } of STEPS) {
    const result = await activities[step]({ input: admission.input, closes: null });
    Object.assign(entries, (result as StepResult).entries); // only steps that are called at once can be skipped
  }
  const answer = answerOf(entries);
  await activities.recordOutcome(admission.input, answer);
  return answer;
}
