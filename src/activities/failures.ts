import type { Logger } from 'pino';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { databaseFailure } from '../db/sqlState';
import { FAILURE, type InvalidRequest, type SectionEntries } from '../domain/answer';
import type { DatabaseRefusal } from '../domain/sync';

/** The caller's values are refused; never retried (contract 3). @param refusals by the database */
export function validationFailure(entries: SectionEntries, refusals: DatabaseRefusal[]): ApplicationFailure {
  const messages = Object.values(entries).flatMap((entry) =>
    entry?.status === 'error' ? [entry.message] : [],
  );
  return permanent(FAILURE.validation, messages.join(', '), entries, refusals);
}

/** The run is overtaken by a newer sync (contract 5). @param by its id; null when it carried none */
export function supersededFailure(by: number | null): ApplicationFailure {
  return permanent(FAILURE.superseded, by === null ? 'Superseded' : `Superseded by sync ${by}`, by);
}

/** The run's input is no valid request; ends with the words that the endpoint would have used (contract 1). */
export function invalidRequestFailure(request: InvalidRequest): ApplicationFailure {
  const text = 'error' in request.body ? request.body.error : request.body.message;
  return permanent(FAILURE.invalidRequest, text, request);
}

function permanent(type: string, message: string, ...details: unknown[]): ApplicationFailure {
  const failure = ApplicationFailure.create({
    type,
    message,
    nonRetryable: true,
    details,
    category: ApplicationFailureCategory.BENIGN,
  });
  failure.stack = ''; // expected: where in our code it was found out tells nobody anything
  return failure;
}

/**
 * Sorts whatever an activity threw into the two classes that Temporal retries or does not, and bugs (contract 3).
 * Messages carry codes, never values.
 * @param bugAttempts attempts of a regular activity after which a bug is not retried any more
 */
export function activityFailure(error: unknown, log: Logger, bugAttempts: number): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  const failure = databaseFailure(error);
  if (failure?.class === 'transient') {
    return ApplicationFailure.create({
      type: FAILURE.transient,
      message: `PostgreSQL cannot do this now (${failure.condition})`,
    });
  }
  if (failure?.class === 'schema') {
    const { condition, table } = failure;
    log.error(
      { err: error },
      'the tables of GitLab are not as the service needs them: see provisioner check',
    );
    return ApplicationFailure.create({
      type: FAILURE.schema,
      message: `The tables of GitLab are not as the service needs them (${table === null ? condition : `${condition}, ${table}`})`,
    });
  }
  const { attempt, isLocal } = Context.current().info;
  log.error({ err: error }, 'unexpected failure of an activity');
  return ApplicationFailure.create({
    type: FAILURE.internal,
    message: failure
      ? `Unexpected answer of PostgreSQL (${failure.condition})`
      : `Unexpected ${error instanceof Error ? error.name : 'failure'}`,
    nonRetryable: !isLocal && attempt >= bugAttempts,
    ...(error instanceof Error && { cause: error }),
  });
}
