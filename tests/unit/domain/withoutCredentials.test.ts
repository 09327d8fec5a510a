import { expect, test } from '@jest/globals';
import { fetchFailure, withoutCredentials } from '../../../src/domain/withoutCredentials';

test.each([
  ['http://user:secret@host/path', 'http://host/path'],
  ['cannot reach postgres://user:secret@host:5432/db?a=b@c', 'cannot reach postgres://host:5432/db?a=b@c'],
  ['https://token@host', 'https://host'],
  ['https://user:p@ss:w@rd@host/x@y', 'https://host/x@y'],
  ['https://user:two words@host', 'https://host'],
  ['http://a:b@one/ and http://c:d@two/', 'http://one/ and http://two/'],
  ['http://host/path@version', 'http://host/path@version'],
  ['mail to a@b.example', 'mail to a@b.example'],
])('%s becomes %s', (text, without) => {
  expect(withoutCredentials(text)).toBe(without);
});

test('what fetch says about a URL that it refuses does not hold its password', async () => {
  const error = await fetch('http://user:secret@127.0.0.1:1/').catch((thrown: unknown) => thrown);
  expect(String((error as Error).message)).toContain('secret'); // or this test shows nothing
  expect(fetchFailure(error)).not.toContain('secret');
});
