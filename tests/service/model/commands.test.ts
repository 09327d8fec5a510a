import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { startOwnService, type OwnService } from '../sections/support/ownService';
import { COMMANDS, type Model, type Real } from './support/commands';
import { Disturbance } from './support/disturbance';
import { newNamespace, observe } from './support/observe';
import { EMPTY } from './support/reference';

// Each run has a namespace of its own. More runs find more; these take half a minute.
const RUNS = 25;
const MAX_COMMANDS = 10;
// Shrinking repeats runs; it ends in time for the report, which names the seed.
const TIME_LIMIT_MS = 120_000;

let own: OwnService;
let disturbance: Disturbance;
beforeAll(async () => {
  own = await startOwnService('model_commands');
  disturbance = await Disturbance.install(own.client);
});
afterAll(() => own.stop());

async function start(): Promise<{ model: Model; real: Real }> {
  const { client } = own;
  const id = await newNamespace(client);
  const { rows, state } = await observe(client, id);
  expect(state).toEqual(EMPTY);
  return {
    model: { state: structuredClone(EMPTY), newest: null, foreignValue: 1_000 },
    real: { client, disturbance, id, rows },
  };
}

test('after any sequence of syncs, failures and writes by others, every table holds what the contract says', async () => {
  // Plain syncs more often: some rules ask for what several of them have left.
  const { sendNext, ...others } = COMMANDS;
  const kinds = [
    ...Array.from({ length: 4 }, () => sendNext as NonNullable<typeof sendNext>),
    ...Object.values(others),
  ];
  const commands = fc.commands(kinds, { maxCommands: MAX_COMMANDS, size: 'medium' });
  await fc.assert(
    fc.asyncProperty(commands, (run) => fc.asyncModelRun(start, run)),
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS },
  );
}, 180_000);

test('the same holds when every kind of command comes once, in any order, after a first sync', async () => {
  const { sendNext, ...others } = COMMANDS;
  const all = fc
    .tuple(...Object.values(others))
    .chain((commands) => fc.shuffledSubarray(commands, { minLength: commands.length }));
  await fc.assert(
    fc.asyncProperty(sendNext as NonNullable<typeof sendNext>, all, (first, run) =>
      fc.asyncModelRun(start, [first, ...run]),
    ),
    { numRuns: 3, interruptAfterTimeLimit: TIME_LIMIT_MS },
  );
}, 180_000);
