import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Runtime } from '@temporalio/worker';
import { replay } from '../../support/replay';
import { changedWorkflows, GUARDED, NAIVE, type ChangedWorkflows } from './support/changedWorkflows';

const HISTORIES = path.join(__dirname, '../../histories');

/** Histories by name. Those of runs that never came to the changed place say nothing about it. */
const all = readdirSync(HISTORIES);
const UNAFFECTED = [
  'by_hand_invalid.json',
  'by_hand_unreadable.json',
  'superseded_at_admission.json',
  'cancelled_in_admission.json',
];
const affected = all.filter((file) => !UNAFFECTED.includes(file));

const replayOn = async (bundle: string, file: string) =>
  replay(await readFile(path.join(HISTORIES, file), 'utf8'), bundle);

afterAll(() => Runtime.instance().shutdown());

describe('a step that is added without a guard', () => {
  let changed: ChangedWorkflows;
  beforeAll(async () => (changed = await changedWorkflows(NAIVE)));
  afterAll(() => changed.remove());

  test.each(affected)('does not replay %s', async (file) => {
    expect(await replayOn(changed.bundle, file)).toMatch(/nondeterminism/i);
  });
});

describe('the same step behind patched()', () => {
  let changed: ChangedWorkflows;
  beforeAll(async () => (changed = await changedWorkflows(GUARDED)));
  afterAll(() => changed.remove());

  test.each(all)('replays %s', async (file) => {
    expect(await replayOn(changed.bundle, file)).toBeNull();
  });
});
