import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import fc from 'fast-check';
import { createTokenVerifier, type VerifyToken } from '../../../src/api/auth/verifyToken';
import {
  claims,
  discoveryOf,
  json,
  keySet,
  makeKey,
  sign,
  startPortal,
  DISCOVERY,
  KEYS,
  type ScriptedPortal,
  type TestKey,
} from './portal';

const START = Date.parse('2026-02-13T10:00:00Z');
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

let oldKey: TestKey;
let newKey: TestKey;
let portal: ScriptedPortal;
let verify: VerifyToken;
let now: number;

beforeAll(async () => {
  [oldKey, newKey] = await Promise.all([makeKey('old'), makeKey('new')]);
});
beforeEach(async () => {
  now = START;
  portal = await startPortal([oldKey]);
  verify = createTokenVerifier({ portalUrl: portal.url, now: () => now });
});
afterEach(() => portal.close());

const token = (key: TestKey): Promise<string> => sign(key, claims(portal.url, now));
const unknown = (kid = 'unknown'): Promise<string> => sign({ ...newKey, kid }, claims(portal.url, now));
const outcome = (signed: string): Promise<string> =>
  verify(signed).then(
    () => 'accepted',
    (error: { code: string }) => error.code,
  );
const outcomeOf = async (kid: string): Promise<string> => outcome(await unknown(kid));
const mayBeNew = async (kid: string): Promise<void> => expect(await outcomeOf(kid)).toBe('key_unknown');
const renamed = (key: TestKey): TestKey => ({ ...key, publicJwk: { ...key.publicJwk, kid: key.kid } });
const accept = async (key: TestKey): Promise<void> => verify(await token(key));
const refuse = async (kid?: string): Promise<void> =>
  expect(verify(await unknown(kid))).rejects.toMatchObject({ code: 'unauthorized' });
const unavailable = async (key: TestKey): Promise<void> =>
  expect(accept(key)).rejects.toMatchObject({ code: 'portal_unavailable' });

describe('lifetimes', () => {
  it('many requests at once on a cold cache share one fetch of each document', async () => {
    await Promise.all(Array.from({ length: 50 }, () => accept(oldKey)));
    expect([portal.count(DISCOVERY), portal.count(KEYS)]).toEqual([1, 1]);
  });

  it('the key set is fetched again after 15 minutes, not before', async () => {
    await accept(oldKey);
    now = START + 15 * MINUTE - 1;
    await accept(oldKey);
    expect(portal.count(KEYS)).toBe(1);
    now = START + 15 * MINUTE;
    await accept(oldKey);
    await accept(oldKey);
    expect([portal.count(DISCOVERY), portal.count(KEYS)]).toEqual([1, 2]);
  });

  it('discovery is fetched again after a day, not before', async () => {
    await accept(oldKey);
    now = START + DAY - 1;
    await accept(oldKey);
    expect(portal.count(DISCOVERY)).toBe(1);
    now = START + DAY;
    await accept(oldKey);
    expect(portal.count(DISCOVERY)).toBe(2);
  });

  it('a new jwks_uri in a new discovery document is followed at once', async () => {
    await accept(oldKey);
    now = START + DAY - MINUTE;
    await accept(oldKey);
    portal.answers[DISCOVERY] = json({ ...discoveryOf(portal.url), jwks_uri: `${portal.url}/moved` });
    portal.answers['/moved'] = keySet([newKey]);
    now = START + DAY;
    await expect(accept(oldKey)).rejects.toMatchObject({ code: 'unauthorized' });
    await accept(newKey);
  });

  it('a key that was withdrawn is refused once the cached set is 15 minutes old', async () => {
    await accept(oldKey);
    portal.answers[KEYS] = keySet([newKey]);
    now = START + 15 * MINUTE;
    await expect(accept(oldKey)).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('after the clock was set back, nothing is kept longer than its lifetime', async () => {
    await accept(oldKey);
    now = START - SECOND;
    await accept(oldKey);
    expect([portal.count(DISCOVERY), portal.count(KEYS)]).toEqual([2, 2]);
  });
});

describe('rotation', () => {
  it('a token of a new key is accepted at once, and the old key still is', async () => {
    await accept(oldKey);
    portal.answers[KEYS] = keySet([oldKey, newKey]);
    await accept(newKey);
    await accept(oldKey);
    expect(portal.count(KEYS)).toBe(2);
  });

  it.each([
    ['is noticed right after an ordinary refresh, which does not count', false],
    ['is noticed so, too, when an unknown kid has used up an earlier refetch', true],
  ])('%s', async (_rule, refetchedEarlier) => {
    await accept(oldKey);
    if (refetchedEarlier) await refuse();
    const before = portal.count(KEYS);
    now = START + 15 * MINUTE;
    await accept(oldKey);
    portal.answers[KEYS] = keySet([oldKey, newKey]);
    await accept(newKey);
    expect(portal.count(KEYS)).toBe(before + 2);
  });

  it('many requests with the new key at once share one refetch and are all accepted', async () => {
    await accept(oldKey);
    portal.answers[KEYS] = slowly(keySet([newKey]));
    const later = new Promise((resolve) => setTimeout(resolve, 20)).then(() => accept(newKey));
    await Promise.all([...Array.from({ length: 50 }, () => accept(newKey)), later]);
    expect(portal.count(KEYS)).toBe(2);
  });

  it('a known key is accepted without waiting while an unknown one is looked for', async () => {
    await accept(oldKey);
    const held = hold(KEYS);
    const looking = refuse();
    await held.asked;
    await accept(oldKey);
    held.answerWith(keySet([oldKey]));
    await looking;
  });
});

describe('unknown kids', () => {
  it('refetch the key set once a second at most, with a wait that doubles up to 4 s while nothing new comes', async () => {
    await accept(oldKey);
    const seconds: number[] = [];
    for (let ms = 0; ms <= 20 * SECOND; ms += 100) {
      now = START + ms;
      const before = portal.count(KEYS);
      const answers = await Promise.all(['a', 'b'].map((kid) => outcomeOf(`${kid}-${ms}`)));
      if (portal.count(KEYS) > before) seconds.push(ms / SECOND);
      // Only a fetch that began after a token had come can say that its key is not there.
      expect(answers.filter((answer) => answer === 'unauthorized')).toHaveLength(portal.count(KEYS) - before);
      expect(answers).toContain('key_unknown');
    }
    expect(seconds).toEqual([0, 1, 3, 7, 11, 15, 19]);
    expect(portal.count(DISCOVERY)).toBe(1);
  });

  it('wait a second again as soon as a refetch has brought a new key', async () => {
    await accept(oldKey);
    for (const second of [0, 1, 3]) {
      now = START + second * SECOND;
      await refuse();
    }
    portal.answers[KEYS] = keySet([oldKey, newKey]);
    now = START + 7 * SECOND;
    await refuse('made-up');
    await accept(newKey);
    now += SECOND - 1;
    await mayBeNew('another');
    now += 1;
    await refuse('another');
  });

  it('that a refetch did not find are refused until the next one; any other may be new meanwhile', async () => {
    await accept(oldKey);
    await refuse('made-up');
    await refuse('made-up');
    await mayBeNew('another');
    expect(portal.count(KEYS)).toBe(2);
    now += SECOND;
    await refuse('another');
    await mayBeNew('made-up');
    expect(portal.count(KEYS)).toBe(3);
  });

  it('are looked for again when the wait is over, also one that was missing the last time', async () => {
    await accept(oldKey);
    await refuse(newKey.kid);
    portal.answers[KEYS] = keySet([oldKey, newKey]);
    now += SECOND - 1;
    await refuse(newKey.kid);
    now += 1;
    await accept(newKey);
  });

  it('on a cold cache cost one fetch and leave the refetch to a real rotation', async () => {
    await refuse();
    expect(portal.count(KEYS)).toBe(1);
    portal.answers[KEYS] = keySet([newKey]);
    await accept(newKey);
    expect(portal.count(KEYS)).toBe(2);
  });

  it('that come while a refetch is going may be newer than what it brings', async () => {
    await accept(oldKey);
    const held = hold(KEYS);
    const looking = refuse('made-up');
    await held.asked;
    const same = outcomeOf('made-up');
    const later = outcomeOf(newKey.kid);
    held.answerWith(keySet([oldKey]));
    await looking;
    expect(await Promise.all([same, later])).toEqual(['unauthorized', 'key_unknown']);
    portal.answers[KEYS] = keySet([oldKey, newKey]);
    now += SECOND;
    await accept(newKey);
  });

  it('are answered with 503, not 401, after a refetch that failed', async () => {
    await accept(oldKey);
    portal.answers[KEYS] = json({}, 500);
    await unavailable(newKey);
    portal.answers[KEYS] = keySet([oldKey, newKey]);
    await mayBeNew(newKey.kid);
    expect(portal.count(KEYS)).toBe(2);
    await accept(oldKey);
    now += SECOND;
    await accept(newKey);
  });

  it('are looked for at once after the clock was set back', async () => {
    await accept(oldKey);
    await refuse();
    now -= 60 * MINUTE;
    await accept(oldKey); // an ordinary fetch, as the kept set now comes from the future
    portal.answers[KEYS] = keySet([oldKey, newKey]);
    await accept(newKey);
  });
});

describe('forged traffic of any kind', () => {
  it('of 1,000 tokens within a minute costs at most 17 fetches, and one of their kids is remembered', async () => {
    await accept(oldKey);
    let unauthorized = 0;
    for (let index = 0; index < 1_000; index++) {
      now = START + index * 60;
      if ((await outcomeOf(`forged-${index}`)) === 'unauthorized') unauthorized++;
    }
    expect(portal.count(KEYS) - 1).toBeLessThanOrEqual(17); // 0, 1, 3, then each 4 s
    expect(unauthorized).toBe(portal.count(KEYS) - 1);

    const again = [];
    for (let index = 0; index < 1_000; index++) again.push(await outcomeOf(`forged-${index}`));
    expect(again.filter((answer) => answer === 'unauthorized')).toHaveLength(1);
  });

  it('never has a published key refused, and delays it by 4 s at most', async () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.record({ kind: fc.constant('forged' as const), kid: fc.nat(5) }) },
        { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(3_000) }) },
        { weight: 2, arbitrary: fc.record({ kind: fc.constant('genuine' as const) }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant('rotate' as const) }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant('outage' as const), isOn: fc.boolean() }) },
      ),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        now = START;
        verify = createTokenVerifier({ portalUrl: portal.url, now: () => now });
        let published = [{ ...newKey, kid: 'key-0' }];
        let isOut = false;
        let refetchable = START; // when a fetch could have worked last that was not possible
        const publish = () => (portal.answers[KEYS] = isOut ? json({}, 500) : keySet(published.map(renamed)));
        const genuine = async () => outcome(await sign(published.at(-1)!, claims(portal.url, now)));
        publish();
        expect(await genuine()).toBe('accepted');
        for (const step of list) {
          if (step.kind === 'forged') await outcomeOf(`forged-${step.kid}`);
          if (step.kind === 'wait') now += step.ms;
          if (step.kind === 'rotate') {
            published = [...published, { ...newKey, kid: `key-${published.length}` }];
            refetchable = now;
          }
          if (step.kind === 'outage') {
            isOut = step.isOn;
            refetchable = now;
          }
          publish();
          if (step.kind !== 'genuine') continue;
          const answer = await genuine();
          expect(answer).not.toBe('unauthorized');
          if (!isOut && now - refetchable >= 4 * SECOND) expect(answer).toBe('accepted');
        }
      }),
      { numRuns: 60, seed: 14 },
    );
  }, 60_000);
});

describe('failed fetches are not cached', () => {
  it.each([DISCOVERY, KEYS])('%s on a cold cache', async (path) => {
    const good = portal.answers[path]!;
    portal.answers[path] = json({}, 500);
    await unavailable(oldKey);
    await unavailable(oldKey);
    expect(portal.count(path)).toBe(2);
    portal.answers[path] = good;
    await accept(oldKey);
  });

  it('the key set at its refresh; the stale one is not used', async () => {
    await accept(oldKey);
    now = START + 15 * MINUTE;
    portal.answers[KEYS] = json({}, 500);
    await unavailable(oldKey);
    portal.answers[KEYS] = keySet([oldKey]);
    await accept(oldKey);
  });
});

/** Lets the next request of `path` wait until the test answers it. */
function hold(path: string) {
  let response: ServerResponse;
  const asked = new Promise<void>((resolve) => {
    portal.answers[path] = (waiting) => {
      response = waiting;
      resolve();
    };
  });
  const answerWith = (answer: (response: ServerResponse, request: never) => void): void =>
    answer(response, undefined as never);
  return { asked, answerWith };
}

function slowly(answer: (response: ServerResponse, request: never) => void) {
  return (response: ServerResponse): void => {
    setTimeout(() => answer(response, undefined as never), 50);
  };
}
