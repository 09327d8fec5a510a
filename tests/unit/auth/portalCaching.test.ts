import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { createTokenVerifier, type VerifyToken } from '../../../src/api/auth/verifyToken';
import { claims, discoveryOf, json, keySet, makeKey, sign, startPortal } from './portal';
import { DISCOVERY, KEYS, type ScriptedPortal, type TestKey } from './portal';

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

const token = (key: TestKey): Promise<string> => sign(key, claims(portal.url, START));
const unknown = (kid = 'unknown'): Promise<string> => sign({ ...newKey, kid }, claims(portal.url, START));
const accept = async (key: TestKey): Promise<void> => verify(await token(key));
const refuse = async (kid?: string): Promise<void> =>
  expect(verify(await unknown(kid))).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
const unavailable = async (key: TestKey): Promise<void> =>
  expect(accept(key)).rejects.toMatchObject({ code: 'PORTAL_UNAVAILABLE' });

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
    await expect(accept(oldKey)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await accept(newKey);
  });

  it('a key that was withdrawn is refused once the cached set is 15 minutes old', async () => {
    await accept(oldKey);
    portal.answers[KEYS] = keySet([newKey]);
    now = START + 15 * MINUTE;
    await expect(accept(oldKey)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
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
  it('refetch the key set once in 30 seconds, however many come', async () => {
    await accept(oldKey);
    for (let index = 0; index < 20; index++) await refuse(`unknown-${index}`);
    await Promise.all(Array.from({ length: 20 }, (_, index) => refuse(`flood-${index}`)));
    expect(portal.count(KEYS)).toBe(2);

    now = START + 30 * SECOND - 1;
    await refuse();
    expect(portal.count(KEYS)).toBe(2);
    now = START + 30 * SECOND;
    await Promise.all(Array.from({ length: 20 }, (_, index) => refuse(`flood-${index}`)));
    expect(portal.count(KEYS)).toBe(3);
    expect(portal.count(DISCOVERY)).toBe(1);
  });

  it('on a cold cache cost one fetch and leave the refetch to a real rotation', async () => {
    await refuse();
    expect(portal.count(KEYS)).toBe(1);
    portal.answers[KEYS] = keySet([newKey]);
    await accept(newKey);
    expect(portal.count(KEYS)).toBe(2);
  });

  it('delay the notice of a rotation by 30 seconds at most', async () => {
    await accept(oldKey);
    await refuse();
    portal.answers[KEYS] = keySet([newKey]);
    now = START + 30 * SECOND;
    await accept(newKey);
  });

  it('are answered with 503, not 401, until the refetch that failed can be repeated', async () => {
    await accept(oldKey);
    portal.answers[KEYS] = json({}, 500);
    await unavailable(newKey);
    portal.answers[KEYS] = keySet([oldKey, newKey]);
    await unavailable(newKey);
    expect(portal.count(KEYS)).toBe(2);
    await accept(oldKey);
    now = START + 30 * SECOND;
    await accept(newKey);
  });

  it('are refused again once an ordinary refresh has made up for the failed refetch', async () => {
    await accept(oldKey);
    now = START + 15 * MINUTE - SECOND;
    portal.answers[KEYS] = json({}, 500);
    await unavailable(newKey);
    portal.answers[KEYS] = keySet([oldKey]);
    now = START + 15 * MINUTE;
    await accept(oldKey);
    await refuse();
  });
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

describe("a caller's abort", () => {
  it('ends only its own wait: the others get the result, and it is cached', async () => {
    const held = hold(DISCOVERY);
    const leaving = new AbortController();
    const signed = await token(oldKey);
    const left = verify(signed, { signal: leaving.signal });
    const staying = verify(signed, { signal: new AbortController().signal });
    await held.asked;
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: 'PORTAL_UNAVAILABLE' });
    held.answerWith(json(discoveryOf(portal.url)));
    await staying;
    await verify(signed);
    expect([portal.count(DISCOVERY), portal.count(KEYS)]).toEqual([1, 1]);
  });

  it('ends the wait for a refetch, too; the refetch still serves the next caller', async () => {
    await accept(oldKey);
    const held = hold(KEYS);
    const leaving = new AbortController();
    const left = verify(await token(newKey), { signal: leaving.signal });
    await held.asked;
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: 'PORTAL_UNAVAILABLE' });
    const next = accept(newKey);
    held.answerWith(keySet([newKey]));
    await next;
    expect(portal.count(KEYS)).toBe(2);
  });

  it('before the call is answered at once, and a later failure of the fetch harms nobody', async () => {
    const held = hold(DISCOVERY);
    const aborted = verify(await token(oldKey), { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: 'PORTAL_UNAVAILABLE' });
    await held.asked;
    held.answerWith(json({}, 500));
    await new Promise((resolve) => setTimeout(resolve, 20));
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
