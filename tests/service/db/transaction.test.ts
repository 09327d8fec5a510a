import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Pool } from 'pg';
import { createPool } from '../../../src/db/pool';
import { composed, nothing } from '../../../src/db/statement';
import { withTransaction } from '../../../src/db/transaction';
import { testEnvironment } from '../../support/environment';
import { createDatabase } from '../sections/support/ownService';

let pool: Pool; // of one connection
beforeAll(async () => {
  const url = await createDatabase(testEnvironment().adminUrl, 'transactions');
  pool = createPool({ url, applicationName: 'test', max: 1, onError: () => undefined });
  await pool.query('CREATE TABLE written (what text PRIMARY KEY)');
});
afterAll(() => pool?.end());

const insert = (what: string) => composed('INSERT INTO written VALUES ($1)', [what], nothing);
const look = composed('SELECT 1', [], nothing);
const written = async () =>
  (await pool.query<{ what: string }>('SELECT what FROM written ORDER BY what')).rows.map(({ what }) => what);

test('what is sent with COMMIT is committed, or nothing is', async () => {
  await withTransaction(pool, async (tx) => {
    await tx.send(insert('first'));
    await tx.commit(insert('last'));
  });
  expect(await written()).toEqual(['first', 'last']);

  const refused = withTransaction(pool, async (tx) => {
    await tx.send(insert('second'));
    await tx.commit(insert('last'));
  });
  await expect(refused).rejects.toMatchObject({ code: '23505' });
  expect(await written()).toEqual(['first', 'last']);
});

test('what fails only because a statement before it has failed is told by the failure of that one', async () => {
  const failed = withTransaction(pool, async (tx) => {
    await tx.send(composed('SELECT 1 / 0', [], nothing), insert('after'));
  });
  await expect(failed).rejects.toMatchObject({ code: '22012' });
  expect(await written()).not.toContain('after');
});

test('when BEGIN alone is refused nothing is written, and the connection is replaced', async () => {
  await withTransaction(pool, (tx) => tx.commit(look));
  await pool.query('DEALLOCATE ALL'); // the driver does not know of it, and BEGIN is a prepared statement
  const refused = withTransaction(pool, async (tx) => {
    await tx.send(look);
    await tx.send(insert('outside'));
    await tx.commit(insert('outside too'));
  });
  await expect(refused).rejects.toMatchObject({ code: '26000' });
  expect(await written()).not.toContain('outside');
  await withTransaction(pool, (tx) => tx.commit(insert('afterwards')));
  expect(await written()).toContain('afterwards');
});

test('what is not committed is rolled back', async () => {
  await withTransaction(pool, (tx) => tx.send(insert('forgotten')));
  expect(await written()).not.toContain('forgotten');
});
