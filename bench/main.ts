import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CONTENDERS, type ContenderName } from './contenders';
import { report } from './report';
import { sideBySide } from './sideBySide';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
  },
});

const RESULTS = path.join(__dirname, 'results');

async function main() {
  const names = values.only?.split(',') ?? CONTENDERS;
  const unknown = names.find((name) => !CONTENDERS.some((known) => known === name));
  if (unknown !== undefined)
    throw new Error(`${unknown} is no contender: there are ${CONTENDERS.join(', ')}`);
  const closed = (values.quick ? [1, 16] : [1, 4, 16, 64]).map((callers) => ({ callers }));
  const open = (values.quick ? [] : [10, 40]).map((perSecond) => ({ perSecond }));
  const result = await sideBySide({
    contenders: names as ContenderName[],
    loads: [...closed, ...open],
    rounds: values.quick ? 1 : Number(values.rounds),
    seconds: Number(values.seconds),
  });
  await mkdir(RESULTS, { recursive: true });
  await writeFile(path.join(RESULTS, 'side-by-side.json'), `${JSON.stringify(result, null, 2)}\n`);
  console.log(report(result));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
