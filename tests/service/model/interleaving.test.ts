import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { PoolClient } from 'pg';
import { type HttpAnswer } from '../../support/client';
import { sharedService } from '../../support/shared';
import { DOWNGRADE, HELD, ownerOf, PAYLOADS, UPGRADE, type Held, type Payload } from './support/incident';

const ROUNDS = Number(process.env['INTERLEAVING_ROUNDS'] ?? 150);
// Enough to keep two cores busy; more only wait for each other.
const NAMESPACES = 8;

const client = sharedService();

async function held(id: string): Promise<Held | undefined> {
  return (await client.rows<Held>(HELD, [id]))[0];
}

/** Two syncs of one namespace. */
interface Round {
  first: Payload;
  second: Payload;
  /** Milliseconds between the two starts; null when the second starts after the first was answered. */
  apart: number | null;
  /** Which of them carries the higher id; null when neither has one. */
  newest: 'first' | 'second' | null;
}

const round: fc.Arbitrary<Round> = fc
  .record({
    pair: fc.constantFrom([DOWNGRADE, UPGRADE] as const, [UPGRADE, DOWNGRADE] as const),
    // A sync takes some ten milliseconds: these begin in every part of it.
    apart: fc.oneof(
      fc.constant(null),
      { weight: 2, arbitrary: fc.constant(0) },
      { weight: 6, arbitrary: fc.integer({ min: 1, max: 60 }) },
    ),
    newest: fc.constantFrom('first' as const, 'second' as const, null),
  })
  .map(({ pair: [first, second], apart, newest }) => ({ first, second, apart, newest }));

/** @returns what is wrong, or null */
async function play(
  id: string,
  { first, second, apart, newest }: Round,
  syncId: number,
): Promise<string | null> {
  const idOf = (which: Round['newest']) => (newest === null ? null : newest === which ? syncId + 1 : syncId);
  const post = ({ provision }: Payload, which: Round['newest']) =>
    client.provision(id, provision, idOf(which));
  const begun = post(first, 'first');
  begun.catch(() => undefined); // told below
  if (apart === null) await begun;
  else if (apart > 0) await sleep(apart);
  const answers = await Promise.all([begun, post(second, 'second')]);

  const state = await held(id);
  const owner = ownerOf(state);
  const statuses = answers.map(({ status }: HttpAnswer) => status);
  const isRight = (expected: Payload[], ...allowed: string[]) =>
    owner !== null && expected.includes(owner) && allowed.includes(statuses.join(' '));
  const isSequence = apart === null;
  let right: boolean;
  if (newest === 'second') right = isRight([second], '200 200', ...(isSequence ? [] : ['409 200']));
  else if (newest === 'first') right = isRight([first], '200 409', ...(isSequence ? [] : ['200 200']));
  else right = isRight(isSequence ? [second] : [first, second], '200 200');
  if (right) return null;
  return `${first.name} and ${second.name}, ${apart} ms apart, newest ${newest}: answered ${statuses.join(', ')}, holds ${JSON.stringify(state)}`;
}

describe('the syncs of incident customers-gitlab-com#12667', () => {
  test(
    `${ROUNDS} times in every order and overlap: never a mixed state, and with ids always the newest one's`,
    async () => {
      const seed = Number(process.env['INTERLEAVING_SEED'] ?? Date.now() % 2 ** 31);
      const rounds = fc.sample(round, { numRuns: ROUNDS, seed });
      const wrong: string[] = [];
      const owners = new Set<string>();
      let played = 0;
      const playAll = async () => {
        const id = await client.createNamespace();
        for (let next = rounds.pop(); next; next = rounds.pop()) {
          played += 1;
          const verdict = await play(id, next, played * 2);
          if (verdict !== null) wrong.push(`seed ${seed}, namespace ${id}: ${verdict}`);
          owners.add(ownerOf(await held(id))?.name ?? 'mixed');
        }
      };
      await Promise.all(Array.from({ length: NAMESPACES }, playAll));
      expect(wrong).toEqual([]);
      expect([...owners].sort()).toEqual(PAYLOADS.map(({ name }) => name).sort());
    },
    20_000 + ROUNDS * 1_000,
  );
});

/** What one payload writes as GitLab does: statement by statement, with neither transaction nor lock. */
function statements({ provision }: Payload, id: string): [sql: string, values: unknown[]][] {
  const { base_product: base, storage, compute_minutes: minutes } = provision;
  return [
    [
      `UPDATE gitlab_subscriptions SET hosted_plan_id = plans.id, hosted_plan_name_uid = plans.plan_name_uid,
         seats = $3, start_date = $4, end_date = $5, updated_at = now()
       FROM plans WHERE plans.name = $2 AND namespace_id = $1`,
      [id, base.plan_code, base.seats, base.start_date, base.end_date],
    ],
    [
      `UPDATE namespace_limits SET additional_purchased_storage_size = $2, additional_purchased_storage_ends_on = $3
       WHERE namespace_id = $1`,
      [id, storage.additional_purchased_storage_size, storage.additional_purchased_storage_ends_on],
    ],
    [
      `UPDATE namespaces SET shared_runners_minutes_limit = $2, extra_shared_runners_minutes_limit = $3,
         updated_at = now() WHERE id = $1`,
      [id, minutes.shared_runners_minutes_limit, minutes.extra_shared_runners_minutes_limit],
    ],
  ];
}

/** Every order that keeps the order of each of the two: `A` is the first one's next statement, `B` the second one's. */
function mergeOrders(a: number, b: number): string[] {
  if (a === 0 || b === 0) return ['A'.repeat(a) + 'B'.repeat(b)];
  return [
    ...mergeOrders(a - 1, b).map((rest) => `A${rest}`),
    ...mergeOrders(a, b - 1).map((rest) => `B${rest}`),
  ];
}

describe('the same payloads written statement by statement, without a lock', () => {
  let connections: PoolClient[];
  beforeAll(async () => {
    connections = [await client.db.connect(), await client.db.connect()];
  });
  afterAll(() => connections.forEach((connection) => connection.release()));

  async function write(order: string): Promise<Held | undefined> {
    const id = await client.createNamespace();
    await client.insert('gitlab_subscriptions', { namespace_id: id });
    await client.insert('namespace_limits', { namespace_id: id });
    const left = { A: statements(DOWNGRADE, id), B: statements(UPGRADE, id) };
    for (const writer of order) {
      const [sql, values] = (writer === 'A' ? left.A : left.B).shift() ?? ['', []];
      await connections[writer === 'A' ? 0 : 1]?.query(sql, values);
    }
    return held(id);
  }

  test('are mixed by every merge order but those in which one of the two writes all tables last', async () => {
    const orders = mergeOrders(3, 3);
    expect(new Set(orders).size).toBe(20);
    const mixed: string[] = [];
    const incidents: string[] = [];
    for (const order of orders) {
      const state = await write(order);
      if (ownerOf(state) === null) mixed.push(order);
      if (state?.plan === 'ultimate' && state.minutes === 400) incidents.push(order);
    }
    // Each table holds what was written to it last: unmixed when all three agree on who that was.
    const isWhole = (order: string) => {
      const at = (writer: string) => [...order].flatMap((one, index) => (one === writer ? [index] : []));
      const isLater = at('A').map((position, table) => position > (at('B')[table] ?? 0));
      return new Set(isLater).size === 1;
    };
    expect(mixed.sort()).toEqual(orders.filter((order) => !isWhole(order)).sort());
    expect(mixed.length).toBeGreaterThan(0);
    expect(incidents).toContain('ABBBAA');
    expect([isWhole('AAABBB'), isWhole('BBBAAA')]).toEqual([true, true]);
  });
});
