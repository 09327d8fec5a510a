import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { Runtime } from '@temporalio/worker';
import { STEPS } from '../../../src/domain/sections';
import { replay } from '../../support/replay';

const HISTORIES = path.join(__dirname, '../../histories');
const BUNDLE = path.join(__dirname, '../../../dist/workflow-bundle.js');
const TRACED_BUNDLE = path.join(__dirname, '../../../dist/workflow-bundle-traced.js');

afterAll(() => Runtime.instance().shutdown());

describe('histories of real runs replay on the workflow code as it is now', () => {
  test.each(readdirSync(HISTORIES))('%s', async (file) => {
    expect(await replay(await readFile(path.join(HISTORIES, file), 'utf8'))).toBeNull();
  });

  test.each(readdirSync(HISTORIES))('%s with tracing, which it was recorded without', async (file) => {
    expect(await replay(await readFile(path.join(HISTORIES, file), 'utf8'), TRACED_BUNDLE)).toBeNull();
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

describe('the histories that are kept', () => {
  const texts = readdirSync(HISTORIES).map((file) => readFileSync(path.join(HISTORIES, file), 'utf8'));
  const events = texts.flatMap((text) => (JSON.parse(text) as { events: RecordedEvent[] }).events);
  const decoded = (data: string) => Buffer.from(data, 'base64').toString();

  test('hold every activity as a regular one, and every one that is tried locally first as that', () => {
    const regular = new Set(
      events.map(({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType.name),
    );
    const local = new Set(
      events.map(({ markerRecordedEventAttributes: marker }) => {
        const data = marker?.details?.data?.payloads[0]?.data;
        return data && (JSON.parse(decoded(data)) as { activity_type: string }).activity_type;
      }),
    );
    const steps = ['admitSync', 'recordOutcome', ...STEPS.map(({ step }) => step)];
    expect([...steps, 'findSearchAttributes'].filter((name) => !local.has(name))).toEqual([]);
    const undos = STEPS.map(({ undo }) => undo);
    expect([...steps, ...undos].filter((name) => !regular.has(name))).toEqual([]);
  });

  test('tell nothing of the machine that they were recorded on', () => {
    for (const text of texts) {
      const inside = [...text.matchAll(/"data":"([^"]+)"/g)].map(([, data]) => decoded(data ?? ''));
      for (const told of [text, ...inside]) {
        expect(told).not.toMatch(/stackTrace|node_modules|[\w-]+\.[jt]s:\d|\/(home|root|tmp|work|Users)\//);
      }
      const identities = [...text.matchAll(/"identity":"([^"]*)"/g)].map(([, identity]) => identity);
      for (const identity of identities) expect(identity).toMatch(/^\d+@host$|^history-service$/);
    }
  });
});

/** What is looked at of an event as `temporal workflow show --output json` prints it. */
interface RecordedEvent {
  activityTaskScheduledEventAttributes?: { activityType: { name: string } };
  markerRecordedEventAttributes?: { details?: { data?: { payloads: { data: string }[] } } };
}

test('the bundle holds workflow code only: no driver, no schema library, no Node module', async () => {
  const code = await readFile(BUNDLE, 'utf8');
  expect(code).toContain('provisionNamespace');
  for (const foreign of ['node_modules/pg/', 'node_modules/zod/', 'node_modules/express/', 'dist/db/']) {
    expect(code).not.toContain(`"./${foreign}`);
  }
});
