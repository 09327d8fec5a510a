import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { installFaults } from '../../support/faults';
import { TemporalProbe } from '../../support/temporal';
import { startOwnService, type OwnService } from '../sections/support/ownService';
import { manualOperations, shownCommands, type Tool } from './support/manual';
import { createOperator, findTctl, knowsActivityCommands } from './support/operator';
import { SCENARIOS, type Bench } from './support/scenarios';

const OPERATIONS = manualOperations();
const TCTL = findTctl();

// Its own service: a command about all runs of a window must not meet those of other tests.
let own: OwnService;
let temporal: TemporalProbe;
let bench: Omit<Bench, 'perform'>;
beforeAll(async () => {
  own = await startOwnService('manual_retries');
  const { client } = own;
  await installFaults(client.service.databaseUrl);
  temporal = TemporalProbe.in(client.service.temporalNamespace);
  bench = { client, temporal, operator: await createOperator(client.service.temporalNamespace, TCTL) };
});
afterAll(async () => {
  await temporal?.close();
  await own?.stop();
});

/** Runs a documented command with the examples in it (a namespace, a run, times) replaced by real ones. */
function performWith(tool: Tool): Bench['perform'] {
  return (task, namespaceId, values = {}) => {
    let command = OPERATIONS.find((operation) => operation.task === task)?.commands[tool] ?? '';
    for (const [example, value] of Object.entries({ ...values, 1000: namespaceId })) {
      command = command.replaceAll(example, value);
    }
    return bench.operator.run(command);
  };
}

const tasksOf = (tool: Tool) =>
  OPERATIONS.filter(({ commands }) => commands[tool] !== undefined).map(({ task }) => task);

const perform = (tool: Tool) => (task: string) =>
  SCENARIOS[task]?.(task, { ...bench, perform: performWith(tool) });

const hasActivityCommands = (task: string) =>
  OPERATIONS.some(
    (operation) => operation.task === task && operation.commands.temporal?.startsWith('temporal activity'),
  );
const isOld = !knowsActivityCommands();
if (isOld) console.warn('skipped: the commands `temporal activity …`: this server is older than 1.32');

describe('temporal, as documented, lets a person', () => {
  for (const task of tasksOf('temporal')) {
    (isOld && hasActivityCommands(task) ? test.skip : test)(task, () => perform('temporal')(task));
  }
});

if (TCTL === null)
  console.warn('skipped: the tctl commands: there is no tctl here, scripts/buildTctl.sh builds it');
(TCTL === null ? describe.skip : describe)('tctl, as documented, lets a person', () => {
  test.each(tasksOf('tctl'))('%s', perform('tctl'));
});

describe('docs/manual-retries.md', () => {
  test('has a command of temporal for each task, and each task is tested', () => {
    expect(tasksOf('temporal')).toEqual(Object.keys(SCENARIOS));
  });

  test('shows the output only of commands that are tested', () => {
    const tested = OPERATIONS.flatMap(({ commands }) => Object.values(commands));
    expect(shownCommands().filter((command) => !tested.includes(command))).toEqual([]);
    expect(shownCommands().length).toBeGreaterThan(5);
  });
});
