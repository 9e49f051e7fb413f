import test from 'ava';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import {
  expectActive,
  expectVerifying,
  namedKey,
  publishKey,
  readKeyEntries,
  usableKey,
} from '../../src/keys/published-key.ts';
import { keyId } from '../../src/keys/fingerprints.ts';
import type { KeyEntry } from '../../src/wire/keys.ts';
import { flipped, now, seededRandom, thrown } from '../support/identities.ts';

const life = { notBefore: now, notAfter: now + 1000 };
const pair = createKeyPair('a.test', 'poll', seededRandom('published'), life);
const entry = publishKey(pair);
const read = (changes: Partial<KeyEntry>) =>
  readKeyEntries([{ ...entry, ...changes }], 'a.test', ['poll', 'envelope']);

test('a published key reads back', (t) => {
  const [key] = read({});
  t.deepEqual(key?.key, pair.publicKey);
  t.is(key?.use, 'poll');
  t.is(key?.status, 'active');
  t.is(key?.revokedAt, undefined);
  t.is(read({ status: 3, revokedAt: 5 })[0]?.revokedAt, 5);
});

test('entries that do not hold up are left out, one by one', (t) => {
  const zero = new Uint8Array(32);
  const left: [string, Partial<KeyEntry>][] = [
    ['id of another key', { id: flipped(entry.id) }],
    ['unknown use', { use: 200 }],
    ['a use that does not belong here', { use: 2, id: keyId('a.test', 'domainSigning', entry.key) }],
    ['unknown suite', { suite: 77 }],
    ['suite of another use', { suite: 1 }],
    ['unknown status', { status: 9 }],
    ['key of small order', { key: zero, id: keyId('a.test', 'poll', zero) }],
    ['key of another length', { key: new Uint8Array(33), id: keyId('a.test', 'poll', new Uint8Array(33)) }],
  ];
  for (const [name, changes] of left) t.deepEqual(read(changes), [], name);
  t.deepEqual(readKeyEntries([entry], 'b.test', ['poll']), [], 'another domain');
  t.is(readKeyEntries([{ ...entry, use: 200 }, entry], 'a.test', ['poll']).length, 1);
});

test('usableKey takes the newest active key in its life', (t) => {
  const [key] = read({});
  const [older] = read({ notBefore: now - 10 });
  t.is(usableKey({ keys: [older!, key!] }, 'poll', now), key!);
  for (const keys of [
    read({ status: 0 }),
    read({ status: 2 }),
    read({ status: 3 }),
    read({ notAfter: now - 3601 }),
    [],
  ])
    t.is(
      thrown(() => usableKey({ keys }, 'poll', now)),
      'key_not_active',
    );
});

test('records need an active key, other objects one that was in use when they were made', (t) => {
  const code = (changes: Partial<KeyEntry>, made: number) =>
    thrown(() => expectVerifying(read(changes)[0]!, made, now));
  t.is(code({}, now), 'no error');
  t.is(code({ status: 2 }, now), 'no error');
  t.is(code({ status: 0 }, now), 'key_not_active');
  t.is(code({ status: 3, revokedAt: now }, now - 1), 'no error');
  t.is(code({ status: 3, revokedAt: now }, now), 'key_not_active');
  t.is(code({ status: 3 }, now), 'key_not_active');
  t.is(code({ notAfter: now - 3601 }, now), 'key_not_active');
  t.is(
    thrown(() => expectActive(read({ status: 2 })[0]!, now)),
    'key_not_active',
  );
  t.is(
    thrown(() => namedKey(read({}), flipped(entry.id))),
    'key_unknown',
  );
});
