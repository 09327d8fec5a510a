import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { ADD_ONS, PLANS } from '../../../src/domain/catalogue';

const contract = readFileSync(path.join(__dirname, '../../../docs/contract.md'), 'utf8');

/** The rows of the table that has these headings, as lists of cells without code marks. */
function table(...headings: string[]): string[][] {
  const rows = contract.split('\n').map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const begin = rows.findIndex((cells) => cells.join() === headings.join());
  const end = rows.findIndex((cells, index) => index > begin && cells.length === 0);
  return rows.slice(begin + 2, end).map((cells) => cells.map((cell) => cell.replaceAll('`', '')));
}

test('the contract lists the plans that the rules know', () => {
  expect(table('Plan', 'Number', 'Paid')).toEqual(
    PLANS.map(({ name, uid, isPaid }) => [name, String(uid), isPaid ? 'yes' : 'no']),
  );
});

test('the contract lists the add-ons that the rules know', () => {
  expect(table('Name in the request', 'Number', 'Description')).toEqual(
    ADD_ONS.map(({ names, uid, description }) => [names.join(', '), String(uid), description]),
  );
});
