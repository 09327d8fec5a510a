import { rangeMessage } from './ranges';
import type { SubscriptionColumns } from './subscriptionState';

/**
 * Why a subscription cannot be stored as it would be (contract 4.5): GitLab's messages in the order of the table,
 * then ours. Empty when it can.
 */
export function subscriptionMessages(result: SubscriptionColumns, unknownPlan: string | null): string[] {
  return [...requiredMessages(result), ...trialMessages(result), ...ownMessages(result, unknownPlan)].map(
    (message) => `Gitlab subscription ${message}`,
  );
}

function requiredMessages({ seats, start_date }: SubscriptionColumns): string[] {
  const messages: string[] = [];
  if (seats === null) messages.push("seats can't be blank");
  if (start_date === null) messages.push("start date can't be blank");
  return messages;
}

function trialMessages(result: SubscriptionColumns): string[] {
  const { trial, trial_starts_on: starts, trial_ends_on: ends } = result;
  const messages: string[] = [];
  if (trial === true && ends === null) messages.push("trial ends on can't be blank");
  if (trial === true && starts === null) messages.push("trial starts on can't be blank");
  if (trial === true && starts !== null && ends !== null && ends <= starts) {
    messages.push(`trial ends on must be greater than ${starts}`);
  }
  if (result.contract_overages_allowed === null) {
    messages.push('contract overages allowed is not included in the list');
  }
  return messages;
}

function ownMessages(result: SubscriptionColumns, unknownPlan: string | null): string[] {
  const { start_date: start, end_date: end } = result;
  const messages: (string | null)[] = [];
  if (unknownPlan !== null) messages.push(`hosted plan '${unknownPlan}' is not a known plan`);
  messages.push(rangeMessage('seats', result.seats), rangeMessage('max seats used', result.max_seats_used));
  if (start !== null && end !== null && end < start) messages.push('end date must be on or after start date');
  return messages.filter((message) => message !== null);
}
