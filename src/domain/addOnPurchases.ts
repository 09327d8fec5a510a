import { addOnAction, resultingColumns, rowErrors } from './addOnAction';
import type { PurchaseColumns } from './addOnElement';
import { addOnSentence } from './addOnErrors';
import { DUO_CORE } from './addOnNames';
import { asksForEnterprise, readAddOn, type AddOnRequest } from './addOnRequest';
import { plannedRows, rowWrites, type PlannedRow } from './addOnRows';
import type { AddOnPlan, AddOnState } from './addOnState';
import type { FollowUp, Write } from './plan';
import type { AddOnPurchases } from './provision';

/** What the names planned so far come to; each name sees the rows as the earlier ones leave them. */
interface Progress {
  rows: PlannedRow[];
  messages: string[];
  succeeded: string[];
  namespaceMentioned: boolean;
  enablesDuoCore: boolean;
}

/**
 * What `add_on_purchases` does to the purchases of a namespace (contract 4.4). `messages` is empty or holds one
 * string, the sentences of all refused names (contract 4.5). `writes`, `followUps` and `missingAddOns` are those of
 * the valid names even when others are refused; whether they are applied is the policy's matter.
 */
export function planAddOnPurchases(attrs: AddOnPurchases, state: AddOnState): AddOnPlan {
  const rows = plannedRows(state.purchases);
  const progress: Progress = {
    rows,
    messages: [],
    succeeded: [],
    namespaceMentioned: false,
    enablesDuoCore: false,
  };
  const enterpriseWins = asksForEnterprise(attrs);
  for (const [name, value] of Object.entries(attrs)) {
    const request = readAddOn(name, value);
    if (typeof request === 'string') progress.messages.push(request);
    else if (request !== null && request.name === 'duo_pro' && enterpriseWins) planSkipped(request, progress);
    else if (request !== null) planRequest(request, state, progress);
  }
  const { writes, missing } = rowWrites(progress.rows, state);
  return {
    messages: progress.messages.length > 0 ? [progress.messages.join(' ')] : [],
    writes: progress.enablesDuoCore ? [...writes, duoCoreWrite(state)] : writes,
    followUps: followUpsOf(progress, state),
    missingAddOns: missing,
  };
}

/** A name that another one overrides does nothing, but its values are validated all the same (rules 0 and 2). */
function planSkipped({ errors }: AddOnRequest, progress: Progress): void {
  if (errors.length > 0) progress.messages.push(addOnSentence(errors));
}

function planRequest(
  { name, addOn, first, errors }: AddOnRequest,
  state: AddOnState,
  progress: Progress,
): void {
  const action = addOnAction(name, addOn, first.asksForUnits, progress.rows);
  const allErrors = [...errors];
  // Only purchases need a root group; a namespace of another kind may well be told that there is nothing to do.
  const isRefusedNamespace = action.kind === 'write' && state.namespace.type !== 'Group';
  if (isRefusedNamespace && !progress.namespaceMentioned) {
    allErrors.push({ field: 'Namespace', problem: 'is invalid' });
    progress.namespaceMentioned = true;
  }
  if (action.kind === 'write') allErrors.push(...rowErrors(addOn, action.row, first, progress.rows));
  if (allErrors.length > 0) progress.messages.push(addOnSentence(allErrors));
  if (allErrors.length > 0 || isRefusedNamespace) return;

  progress.succeeded.push(name);
  if (action.kind === 'nothing') return;
  const planned: PlannedRow = {
    stored: action.row?.stored ?? null,
    add_on: addOn,
    subscription_add_on_uid: addOn,
    // No errors, so no column is missing.
    columns: resultingColumns(action.row, first) as PurchaseColumns,
  };
  progress.rows = [...progress.rows.filter((row) => row !== action.row), planned];
  if (addOn === DUO_CORE && first.newSubscription && state.duo_nano_features_enabled === null) {
    progress.enablesDuoCore = true;
  }
}

/** Rule 9: a new Duo Core subscription is switched on for a namespace that never chose. */
function duoCoreWrite({ namespace }: AddOnState): Write {
  const values = { duo_nano_features_enabled: true };
  return { table: 'namespace_settings', key: { namespace_id: namespace.id }, values };
}

function followUpsOf({ succeeded, enablesDuoCore }: Progress, { namespace }: AddOnState): FollowUp[] {
  const followUps: FollowUp[] = [];
  const namespace_id = namespace.id;
  if (succeeded.length > 0) {
    followUps.push({ event: 'refresh_user_assignments', payload: { namespace_id, add_ons: succeeded } });
  }
  if (enablesDuoCore) followUps.push({ event: 'duo_core_enabled', payload: { namespace_id } });
  return followUps;
}
