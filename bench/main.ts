import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { backendOf, CONTENDERS, entry, type Entry } from './contenders';
import { ledger, ledgerTable } from './ledger';
import { memory, memoryTable } from './memory';
import { plot } from './plot';
import { profile } from './profile';
import { prune, pruneTableOf } from './prune';
import { relay, relayTable } from './relay';
import { report } from './report';
import { sideBySide } from './sideBySide';
import { BACKENDS, isOnPostgresPossible } from './temporalServers';

// npm run bench -- --only product,dbos --rounds 5: README.md has them all.
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    temporal: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    memory: { type: 'boolean', default: false },
    syncs: { type: 'string', default: '50000' },
    ledger: { type: 'boolean', default: false },
    prune: { type: 'boolean', default: false },
    rows: { type: 'string', default: '10000000' },
    profile: { type: 'boolean', default: false },
    relay: { type: 'boolean', default: false },
  },
});

const RESULTS = path.join(__dirname, 'results');

async function main() {
  const seconds = wholeNumber('seconds');
  if (values.profile) return console.log(await profile(seconds));
  if (values.relay) {
    const result = await relay(seconds);
    await write('relay.json', json(result));
    return console.log(relayTable(result));
  }
  if (values.memory) {
    const samples = await memory(wholeNumber('syncs'));
    await write('memory.json', json(samples));
    return console.log(memoryTable(samples));
  }
  if (values.ledger) {
    const samples = await ledger(seconds);
    await write('ledger.json', json(samples));
    return console.log(ledgerTable(samples));
  }
  if (values.prune) {
    const samples = await prune(wholeNumber('rows'));
    await write('prune.json', json(samples));
    return console.log(pruneTableOf(samples));
  }
  const closed = (values.quick ? [1, 16] : [1, 4, 16, 64]).map((callers) => ({ callers }));
  const open = (values.quick ? [] : [10, 40]).map((perSecond) => ({ perSecond }));
  const result = await sideBySide({
    contenders: contenders(),
    loads: [...closed, ...open],
    rounds: values.quick ? 1 : wholeNumber('rounds'),
    seconds,
  });
  await write('side-by-side.json', json(result));
  await write('side-by-side.svg', plot(result));
  console.log(report(result));
}

/** Those that were asked for; else all, with each Temporal server that can be had. */
function contenders(): Entry[] {
  if (values.only !== undefined) return values.only.split(',').map(entry);
  const possible = values.quick || !isOnPostgresPossible() ? (['sqlite'] as const) : BACKENDS;
  const backends = values.temporal === undefined ? possible : [oneOf(BACKENDS, values.temporal)];
  return CONTENDERS.filter((name) => {
    const backend = backendOf(name);
    return backend === null || backends.some((wanted) => wanted === backend);
  }).map(entry);
}

function oneOf<Name extends string>(names: readonly Name[], asked: string): Name {
  const found = names.find((name) => name === asked);
  if (found === undefined) throw new Error(`there is no ${asked}: there are ${names.join(', ')}`);
  return found;
}

function wholeNumber(option: 'rounds' | 'seconds' | 'syncs' | 'rows'): number {
  if (!/^[1-9]\d*$/.test(values[option])) throw new Error(`--${option} takes a whole number from 1 on`);
  return Number(values[option]);
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(RESULTS, { recursive: true });
  await writeFile(path.join(RESULTS, file), text);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
