/** What is said of failures. */
import test from 'ava';
import { BeckonError, reasonOf } from '../src/errors.ts';

test('a log hears our own words, and of others the name and the code alone', (t) => {
  t.is(reasonOf(new BeckonError('not_found', 'no such upload')), 'no such upload');
  const quoting = new Error('550 alice@alpha.test is not known: Dear Alice');
  t.is(reasonOf(quoting), 'Error');
  t.is(
    reasonOf(Object.assign(new TypeError('alice@alpha.test'), { code: 'ERR_INVALID' })),
    'TypeError ERR_INVALID',
  );
  t.is(reasonOf('alice@alpha.test'), 'string');
});
