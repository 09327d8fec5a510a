import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { sharedService, sharedTemporal } from '../../support/shared';
import { replay } from '../../support/replay';
import { historyOf } from './support/history';
import { installLedgerFaults } from './support/ledgerFaults';
import { COMPENSATE, INDEPENDENT } from './support/paths';

/** Where `RECORD_HISTORIES=1 npm test` puts the histories that tests/unit/workflows replays for ever after. */
const DIRECTORY = path.join(__dirname, '../../histories');

describe.each([
  ['compensate', COMPENSATE],
  ['independent', INDEPENDENT],
] as const)(
  'the history of a run that took each way under %s replays on the code that made it',
  (policy, paths) => {
    const client = sharedService(policy);
    const temporal = sharedTemporal(policy);
    beforeAll(() => installLedgerFaults(client));

    test.each(Object.entries(paths))('%s', async (name, take) => {
      const id = await client.createNamespace();
      await take({ client, temporal, id });
      const history = await historyOf(policy, id);
      if (process.env['RECORD_HISTORIES']) {
        await mkdir(DIRECTORY, { recursive: true });
        await writeFile(path.join(DIRECTORY, `${name}.json`), forKeeping(history));
      }
      expect(await replay(forKeeping(history))).toBeNull();
    });
  },
);

/**
 * A history as it is kept: one event a line, without what it tells of the machine that it was recorded on (stack
 * traces, host names). Replay looks at neither.
 */
function forKeeping(history: string): string {
  const { events } = JSON.parse(history.replaceAll(`@${hostname()}`, '@host'), (key, value: unknown) =>
    key === 'stackTrace' ? undefined : value,
  ) as { events: unknown[] };
  return `{"events":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}\n`;
}
