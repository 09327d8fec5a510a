import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { Runtime } from '@temporalio/worker';
import { replay } from '../../support/replay';

const HISTORIES = path.join(__dirname, '../../histories');
const BUNDLE = path.join(__dirname, '../../../dist/workflow-bundle.js');

afterAll(() => Runtime.instance().shutdown());

describe('histories of real runs replay on the workflow code as it is now', () => {
  test.each(readdirSync(HISTORIES))('%s', async (file) => {
    expect(await replay(await readFile(path.join(HISTORIES, file), 'utf8'))).toBeNull();
  });

  test('a change of the order of steps is noticed', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'replay-'));
    const changed = path.join(directory, 'bundle.js');
    const code = await readFile(BUNDLE, 'utf8');
    await writeFile(changed, code.replaceAll("step: 'updateSubscription'", "step: 'upsertAddOnPurchases'"));
    const history = await readFile(path.join(HISTORIES, 'success.json'), 'utf8');
    expect(await replay(history, changed)).toMatch(/nondeterminism|Nondeterminism/);
    await rm(directory, { recursive: true });
  });
});

test('the bundle holds workflow code only: no driver, no schema library, no Node module', async () => {
  const code = await readFile(BUNDLE, 'utf8');
  expect(code).toContain('provisionNamespace');
  for (const foreign of ['node_modules/pg/', 'node_modules/zod/', 'node_modules/express/', 'dist/db/']) {
    expect(code).not.toContain(`"./${foreign}`);
  }
});
