import {
  addOnAction,
  resultingColumns,
  rowErrors,
  plannedRows,
  rowWrites,
  type PlannedRow,
  type AddOnMemory,
  type AddOnState,
} from './addOnRows';
import { type PurchaseColumns, addOnSentence } from './addOnElement';
import {
  asksForEnterprise,
  readAddOn,
  type AddOnAsked,
  type AddOnRequest,
  type AddOnUnknown,
} from './addOnRequest';
import { DUO_CORE } from './catalogue';
import { settingsWrites } from './namespaceSettings';
import type { Clock, FollowUp, SectionPlan, Write } from './plan';
import type { AddOnPurchases } from './provision';

/** What the names planned so far come to; each name sees the rows as the earlier ones leave them. */
interface Progress {
  rows: PlannedRow[];
  messages: string[];
  /** Unknown names that are refused, beyond the first twenty: they are only counted. */
  untold: ReadonlySet<AddOnRequest>;
  succeeded: string[];
  /** By name, the row that it took. */
  taken: Map<string, PlannedRow>;
  namespaceMentioned: boolean;
  enablesDuoCore: boolean;
}

// A request may hold thousands of them.
const MAX_UNKNOWN_NAMES = 20;

/**
 * What `add_on_purchases` does to the purchases of a namespace (contract 4.4). `messages` is empty or holds one
 * string, the sentences of all refused names (contract 4.5). `writes` and `followUps` are those of the valid names even
 * when others are refused; whether they are applied is the policy's matter.
 * @param memory of an earlier run of the same sync; null: it is the first
 */
export function planAddOnPurchases(
  attrs: AddOnPurchases,
  state: AddOnState,
  _clock: Clock,
  memory: AddOnMemory | null = null,
): SectionPlan {
  const requests = Object.entries(attrs).map(([name, value]) => readAddOn(name, value));
  const progress: Progress = {
    rows: plannedRows(state.purchases),
    messages: [],
    untold: new Set(requests.filter(isRefusedUnknown).slice(MAX_UNKNOWN_NAMES)),
    succeeded: [],
    taken: new Map(),
    namespaceMentioned: false,
    enablesDuoCore: false,
  };
  const enterpriseWins = asksForEnterprise(attrs);
  for (const request of requests) {
    if (request.kind === 'refused') progress.messages.push(request.message);
    else if (request.kind === 'unknown') planUnknown(request, progress);
    else if (request.kind === 'asked' && request.name === 'duo_pro' && enterpriseWins)
      planSkipped(request, progress);
    else if (request.kind === 'asked') planRequest(request, state, progress, memory);
  }
  const message = memory?.message ?? (progress.messages.join(' ') || null);
  const writes = rowWrites(progress.rows, state);
  return {
    messages: message === null ? [] : [message],
    writes: progress.enablesDuoCore ? [...writes, ...duoCoreWrites(state)] : writes,
    followUps: memory && writes.length === 0 ? [] : followUpsOf(progress, state),
    memory: { rows: remembered(requests, progress), message } satisfies AddOnMemory,
  };
}

/** A name that is not known is refused only where it asks for units: to end what never was is nothing to do. */
function planUnknown(request: AddOnUnknown, { messages, succeeded, untold }: Progress): void {
  const [firstUntold] = untold;
  if (request.message === null) succeeded.push(request.name);
  else if (!untold.has(request)) messages.push(request.message);
  else if (request === firstUntold) messages.push(`and ${untold.size} more`);
}

function isRefusedUnknown(request: AddOnRequest): boolean {
  return request.kind === 'unknown' && request.message !== null;
}

/** A name that another one overrides does nothing, but its values are validated all the same (rules 0 and 2). */
function planSkipped({ errors }: AddOnAsked, progress: Progress): void {
  if (errors.length > 0) progress.messages.push(addOnSentence(errors));
}

function planRequest(
  asked: AddOnAsked,
  state: AddOnState,
  progress: Progress,
  memory: AddOnMemory | null,
): void {
  const { name, uid, first } = asked;
  const action = addOnAction(asked, progress.rows, memory?.rows[name]);
  const errors = [...asked.errors];
  // Only purchases need a root group; a namespace of another kind may well be told that there is nothing to do.
  const isRefusedNamespace = action.kind === 'write' && state.namespace.type !== 'Group';
  if (isRefusedNamespace && !progress.namespaceMentioned) {
    errors.push({ field: 'Namespace', problem: 'is invalid' });
    progress.namespaceMentioned = true;
  }
  if (action.kind === 'write') errors.push(...rowErrors(asked, action.row, progress.rows));
  if (errors.length > 0) progress.messages.push(addOnSentence(errors));
  if (errors.length > 0 || isRefusedNamespace) return;

  progress.succeeded.push(name);
  if (action.kind === 'nothing') return;
  const planned: PlannedRow = {
    stored: action.row?.stored ?? null,
    uid,
    // No errors, so no column is missing.
    columns: resultingColumns(action.row, first) as PurchaseColumns,
  };
  progress.rows = [...progress.rows.filter((row) => row !== action.row), planned];
  for (const [other, row] of progress.taken) if (row === action.row) progress.taken.set(other, planned);
  progress.taken.set(name, planned);
  if (uid === DUO_CORE && first.newSubscription && state.settings?.duo_nano_features_enabled === null) {
    progress.enablesDuoCore = true;
  }
}

function remembered(requests: AddOnRequest[], { taken }: Progress): AddOnMemory['rows'] {
  const names = requests.flatMap((request) => (request.kind === 'asked' ? [request.name] : []));
  return Object.fromEntries(names.map((name) => [name, taken.get(name)?.uid ?? null]));
}

/** Rule 9: a new Duo Core subscription is switched on for a namespace that never chose. */
function duoCoreWrites({ namespace, settings }: AddOnState): Write[] {
  return settings ? settingsWrites(namespace, settings, { duo_nano_features_enabled: true }) : [];
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
