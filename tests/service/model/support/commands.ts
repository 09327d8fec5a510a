import { expect } from '@jest/globals';
import fc from 'fast-check';
import type { Answer, SectionEntry } from '../../../../src/domain/answer';
import type { HttpAnswer, ServiceClient } from '../../../support/client';
import type { Disturbance } from './disturbance';
import { observe, type Rows } from './observe';
import { anyRefusals, anySync, wholeSync, type Refusal } from './provisions';
import {
  applied,
  askedSections,
  followUp,
  SECTIONS,
  STEPS,
  type Memory,
  type Provision,
  type Section,
  type State,
} from './reference';

/** What ought to be. */
export interface Model {
  state: State;
  /** The newest sync, while no other has been admitted; `memory` once it was applied. */
  newest: { syncId: number; provision: Provision; memory: Memory | null } | null;
  /** What other writers write is like nothing else. */
  foreignValue: number;
}

/** What is. */
export interface Real {
  client: ServiceClient;
  disturbance: Disturbance;
  id: string;
  /** The rows after the last command. */
  rows: Rows;
}

type Command = fc.AsyncCommand<Model, Real>;
type Entries = Partial<Record<Section, SectionEntry>>;

const CHANGED_SINCE = 'Not rolled back: changed since by another writer';
const LABELS: Record<Section, string> = {
  base_product: 'Gitlab subscription',
  storage: 'Namespace limit',
  compute_minutes: 'Compute minutes',
  add_on_purchases: 'Add-on purchases',
};
const CONDITIONS: Record<string, string> = {
  P0001: 'raise_exception',
  22003: 'numeric_value_out_of_range',
  23505: 'unique_violation',
  23514: 'check_violation',
};
/** Serialization failure, deadlock, cancelled statement, too many connections, lock not available, disk full. */
const TRANSIENT = ['40001', '40P01', '57014', '53300', '55P03', '53100'];

/** A command that says what it is when a run has failed. */
function command(
  what: string,
  run: (model: Model, real: Real) => Promise<void>,
  check: (model: Readonly<Model>) => boolean = () => true,
): Command {
  return { check, run, toString: () => what };
}

const send = (provision: Provision, withId: boolean) =>
  command(`send ${withId ? 'the next sync' : 'without an id'} ${show(provision)}`, (model, real) =>
    applyOnce(model, real, provision, withId ? nextId(model) : null),
  );

const sendAgain = command(
  'send the newest sync again',
  (model, real) => applyOnce(model, real, model.newest?.provision ?? {}, model.newest?.syncId ?? null),
  ({ newest }) => newest !== null,
);

const sendOlder = (provision: Provision, age: number) =>
  command(
    `send a sync that is ${age} older ${show(provision)}`,
    async (model, real) => {
      const fence = model.state.fence ?? 0;
      const answer = await real.client.provision(real.id, provision, fence - age);
      expect(answer.status).toBe(409);
      expect(answer.body).toEqual({
        status: 'skipped',
        message: `Superseded by sync ${fence}`,
        payload: payload({}),
      });
      await compare(model, real, new Set());
    },
    ({ state }) => state.fence !== null,
  );

const sendInvalid = (provision: Provision, refusals: Partial<Record<Section, Refusal>>, withId: boolean) =>
  command(`send values that are refused ${show(provision)} ${show(refusals)}`, async (model, real) => {
    const body = structuredClone(provision) as Record<string, object>;
    const entries: Entries = {};
    for (const section of askedSections(provision)) entries[section] = { status: 'skipped' };
    for (const [section, { values, message }] of Object.entries(refusals)) {
      // Add-ons replace the names that are asked: each has sentences of its own.
      body[section] = section === 'add_on_purchases' ? values : { ...body[section], ...values };
      entries[section as Section] = { status: 'error', message };
    }
    const syncId = withId ? nextId(model) : null;
    admit(model, syncId, null);
    expectRefused(await real.client.provision(real.id, body, syncId), entries);
    await compare(model, real, new Set());
  });

const failForGood = (provision: Provision, at: number, sqlState: string, withId: boolean) =>
  command(`${sqlState} for good at step ${at} of ${show(provision)}`, (model, real) =>
    refusedRun(model, real, provision, at, sqlState, withId),
  );

const failAWhile = (provision: Provision, at: number, sqlState: string, times: number) =>
  command(`${sqlState} ${times} times at step ${at} of ${show(provision)}`, async (model, real) => {
    await real.disturbance.strike(real.id, `apply ${stepAt(at).step}`, sqlState, times);
    await applyOnce(model, real, provision, nextId(model));
  });

const failInCompensation = (
  provision: Provision,
  at: number,
  undo: number,
  sqlState: string,
  times: number,
) =>
  command(
    `P0001 at step ${at}, then ${sqlState} ${times} times in compensation ${Math.min(undo, at)} of ${show(provision)}`,
    async (model, real) => {
      const { step } = stepAt(Math.min(undo, at));
      await real.disturbance.strike(real.id, `undo ${step}`, sqlState, times);
      await refusedRun(model, real, provision, at, 'P0001', true);
    },
  );

interface ForeignWrite {
  what: string;
  table: string;
  /** The sections' rows that it changes. */
  section: Section;
  sql: string;
  /** What of it is seen in the state; no effect where there is no row. */
  effect(state: State, value: number): void;
  /** Whether a run that took `before` to `after`, and wrote the table, can tell that the row is another's now. */
  isNoticed(before: State, after: State): boolean;
}

// As Rails writes: `updated_at` moves along in the tables that have it. `namespace_limits` has none, so there only
// the written columns tell.
const FOREIGN_WRITES: ForeignWrite[] = [
  {
    what: 'seats',
    table: 'gitlab_subscriptions',
    section: 'base_product',
    sql: 'UPDATE gitlab_subscriptions SET seats = $2, updated_at = clock_timestamp() WHERE namespace_id = $1',
    effect: ({ subscription }, value) => subscription && (subscription.seats = value),
    isNoticed: () => true,
  },
  {
    what: 'seats in use',
    table: 'gitlab_subscriptions',
    section: 'base_product',
    sql: 'UPDATE gitlab_subscriptions SET seats_in_use = $2, updated_at = clock_timestamp() WHERE namespace_id = $1',
    effect: ({ subscription }, value) => subscription && (subscription.seats_in_use = value),
    isNoticed: () => true,
  },
  {
    what: 'purchased storage',
    table: 'namespace_limits',
    section: 'storage',
    sql: 'UPDATE namespace_limits SET additional_purchased_storage_size = $2 WHERE namespace_id = $1',
    effect: ({ limits }, value) => limits && (limits.size = value),
    isNoticed: (before, after) => before.limits?.size !== after.limits?.size,
  },
  {
    what: 'minutes',
    table: 'namespaces',
    section: 'compute_minutes',
    sql: `UPDATE namespaces SET shared_runners_minutes_limit = $2, last_ci_minutes_notification_at = now(),
      last_ci_minutes_usage_notification_level = 25, updated_at = clock_timestamp() WHERE id = $1`,
    effect: ({ minutes }, value) =>
      Object.assign(minutes, { shared: value, notified: true, notified_level: 25 }),
    isNoticed: () => true,
  },
  {
    what: 'the month’s notification level',
    table: 'ci_namespace_monthly_usages',
    section: 'compute_minutes',
    sql: 'UPDATE ci_namespace_monthly_usages SET notification_level = $2 WHERE namespace_id = $1',
    effect: (state, value) => (state.usage_level = value),
    isNoticed: () => true,
  },
  {
    what: 'units',
    table: 'subscription_add_on_purchases',
    section: 'add_on_purchases',
    sql: 'UPDATE subscription_add_on_purchases SET quantity = $2, updated_at = clock_timestamp() WHERE namespace_id = $1',
    effect: ({ purchases }, value) => purchases.forEach((row) => (row.quantity = value)),
    isNoticed: () => true,
  },
];

const foreignWrite = ({ what, sql, table, effect }: ForeignWrite) =>
  command(
    `another writer sets ${what}`,
    async (model, real) => {
      const value = model.foreignValue++;
      await real.client.db.query(sql, [real.id, value]);
      effect(model.state, value);
      await compare(model, real, new Set([table]));
    },
    ({ state }) => changes(state, effect),
  );

const foreignWriteMidRun = (
  provision: Provision,
  { what, table, section, sql, effect, isNoticed }: ForeignWrite,
  at: number,
) =>
  command(
    `another writer sets ${what} in the middle of a run that fails at step ${at}: ${show(provision)}`,
    async (model, real) => {
      const value = model.foreignValue++;
      const before = structuredClone(model.state);
      const done = STEPS.slice(0, at).flatMap((step) => [...step.sections]);
      const { state: after, written } = applied(before, provision, done);

      const gate = await real.disturbance.closeGate(real.id);
      const run = refusedAnswer(model, real, provision, at, 'P0001', true);
      try {
        await Promise.race([gate.reached(), run.then(() => Promise.reject(new Error('answered too early')))]);
        await real.client.db.query(sql, [real.id, value]);
      } finally {
        await gate.open();
      }

      const { answer, entries } = await run;
      const isKept = written.has(table) && isNoticed(before, after);
      if (isKept) {
        entries[section] = { status: 'error', message: CHANGED_SINCE };
        keep(model.state, after, table);
      }
      effect(model.state, value);
      expectRefused(answer, entries);
      await compare(model, real, changes(before, effect) || isKept ? new Set([table]) : new Set());
    },
  );

/** Sends a valid sync that ends well. */
async function applyOnce(model: Model, real: Real, provision: Provision, syncId: number | null) {
  const { id, client, disturbance } = real;
  const answer = await client.provision(id, provision, syncId);
  const entries: Entries = {};
  for (const section of askedSections(provision)) entries[section] = { status: 'success' };
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({ status: 'success', message: null, payload: payload(entries) });
  const before = syncId !== null && model.newest?.syncId === syncId ? model.newest.memory : null;
  const { state, written, memory } = applied(model.state, provision, SECTIONS, before);
  model.state = state;
  if (!before) followUp(model.state, 'enable_code_review_flow');
  admit(model, syncId, provision, memory);
  await disturbance.clear(id);
  await compare(model, real, written);
}

async function refusedRun(...[model, real, ...how]: Parameters<typeof refusedAnswer>): Promise<void> {
  const { answer, entries } = await refusedAnswer(model, real, ...how);
  expectRefused(answer, entries);
  await compare(model, real, new Set());
}

/** Sends a valid sync of all sections that fails for good at a step. @returns the answer and what it should say */
async function refusedAnswer(
  model: Model,
  { id, client, disturbance }: Real,
  provision: Provision,
  at: number,
  sqlState: string,
  withId: boolean,
): Promise<{ answer: HttpAnswer; entries: Entries }> {
  const syncId = withId ? nextId(model) : null;
  admit(model, syncId, provision);
  await disturbance.strike(id, `apply ${stepAt(at).step}`, sqlState, null);
  const answer = await client.provision(id, provision, syncId);
  await disturbance.clear(id);
  const entries: Entries = {};
  STEPS.forEach(({ sections }, index) => {
    for (const section of sections) {
      if (index < at) entries[section] = { status: 'rolled_back' };
      else if (index > at) entries[section] = { status: 'skipped' };
      else {
        const message = `${LABELS[section]} could not be saved (${CONDITIONS[sqlState]})`;
        entries[section] = { status: 'error', message };
      }
    }
  });
  return { answer, entries };
}

function expectRefused({ status, body }: HttpAnswer, entries: Entries): void {
  const messages = SECTIONS.flatMap((section) => {
    const entry = entries[section];
    return entry?.status === 'error' ? [entry.message] : [];
  });
  const expected: Answer = { status: 'error', message: messages.join(', '), payload: payload(entries) };
  expect(body).toEqual(expected);
  expect(status).toBe(422);
}

/** Holds everything that is stored against the model, and what should not have been touched against its bytes. */
async function compare(model: Model, real: Real, written: Set<string>): Promise<void> {
  const { rows, state } = await observe(real.client, real.id);
  expect(state).toEqual(model.state);
  for (const [table, before] of Object.entries(real.rows)) {
    if (table === 'outbox') expect(rows[table]?.slice(0, before.length)).toEqual(before);
    else if (written.has(table)) expect({ [table]: rows[table] }).not.toEqual({ [table]: before });
    // The catalogue grows with the purchases.
    else if (table !== 'subscription_add_ons' || !written.has('subscription_add_on_purchases'))
      expect({ [table]: rows[table] }).toEqual({ [table]: before });
  }
  real.rows = rows;
}

function admit(
  model: Model,
  syncId: number | null,
  provision: Provision | null,
  memory: Memory | null = null,
): void {
  if (syncId === null) return; // moves no fence
  model.state.fence = Math.max(syncId, model.state.fence ?? 0);
  model.newest = provision && { syncId, provision, memory };
}

/** With gaps, so that there are older ones that were never sent. */
function nextId({ state }: Model): number {
  return (state.fence ?? 0) + 10;
}

function stepAt(index: number): (typeof STEPS)[number] {
  return STEPS[index] ?? STEPS[0];
}

function payload(entries: Entries): Answer['payload'] {
  const nothing = { base_product: null, storage: null, compute_minutes: null, add_on_purchases: null };
  return { ...nothing, ...entries };
}

function changes(state: State, effect: ForeignWrite['effect']): boolean {
  const after = structuredClone(state);
  effect(after, -1);
  return JSON.stringify(after) !== JSON.stringify(state);
}

/** A row that is not rolled back stays as the run left it. */
function keep(state: State, after: State, table: string): void {
  if (table === 'gitlab_subscriptions') state.subscription = after.subscription;
  if (table === 'namespace_limits') state.limits = after.limits;
  if (table === 'namespaces') state.minutes = after.minutes;
}

const show = (value: unknown) => JSON.stringify(value);

const step = fc.constantFrom(0, 1, 2);
const laterStep = fc.constantFrom(1, 2);
const permanent = fc.constantFrom(...Object.keys(CONDITIONS));
const transient = fc.constantFrom(...TRANSIENT);
const rolledBack = laterStep.chain((at) => {
  const done = STEPS.slice(0, at).flatMap<string>(({ sections }) => [...sections]);
  const rows = FOREIGN_WRITES.filter(({ section }) => done.includes(section));
  return fc.tuple(wholeSync, fc.constantFrom(...rows), fc.constant(at));
});

/** One arbitrary for each kind of command. */
export const COMMANDS: Record<string, fc.Arbitrary<Command>> = {
  sendNext: anySync.map((provision) => send(provision, true)),
  sendAgain: fc.constant(sendAgain),
  sendOlder: fc.tuple(anySync, fc.constantFrom(1, 9)).map((args) => sendOlder(...args)),
  sendWithoutId: anySync.map((provision) => send(provision, false)),
  sendInvalid: fc.tuple(anySync, anyRefusals, fc.boolean()).map((args) => sendInvalid(...args)),
  failForGood: fc.tuple(wholeSync, step, permanent, fc.boolean()).map((args) => failForGood(...args)),
  failAWhile: fc
    .tuple(wholeSync, step, transient, fc.constantFrom(1, 2, 3))
    .map((args) => failAWhile(...args)),
  failInCompensation: fc
    .tuple(wholeSync, step, step, transient, fc.constantFrom(1, 2))
    .map((args) => failInCompensation(...args)),
  foreignWrite: fc.constantFrom(...FOREIGN_WRITES).map(foreignWrite),
  foreignWriteMidRun: rolledBack.map((args) => foreignWriteMidRun(...args)),
};
