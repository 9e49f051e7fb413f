import test from 'ava';
import {
  createKeyPair,
  endOfTime,
  findKey,
  inLife,
  selectKey,
  type KeyPair,
} from '../../src/keys/key-pair.ts';
import { keyId } from '../../src/keys/fingerprints.ts';
import { flipped, now, seededRandom, thrown } from '../support/identities.ts';

const random = seededRandom('key pairs');
const life = { notBefore: now, notAfter: now + 1000 };
const make = (changes: Partial<KeyPair> = {}): KeyPair => ({
  ...createKeyPair('a.test', 'poll', random, life),
  ...changes,
});

test('a key pair is active, named by its public key, and does not print its secret', (t) => {
  const pair = make();
  t.is(pair.status, 'active');
  t.is(pair.suite, 'x25519');
  t.deepEqual(pair.id, keyId('a.test', 'poll', pair.publicKey));
  t.is((JSON.parse(JSON.stringify(pair)) as { secret: unknown }).secret, '[secret]');
});

test('selectKey takes the newest active key of the use', (t) => {
  const [old, fresh] = [make({ notBefore: now - 50 }), make()];
  const pending = make({ status: 'pending', notBefore: now + 1 });
  t.is(selectKey([old, fresh, pending], 'poll', now), fresh);
  t.is(
    thrown(() => selectKey([pending], 'poll', now)),
    'key_not_active',
  );
  t.is(
    thrown(() => selectKey([fresh], 'envelope', now)),
    'key_not_active',
  );
});

test('findKey opens with active and retired keys only', (t) => {
  const [active, retired] = [make(), make({ status: 'retired' })];
  const [pending, revoked] = [make({ status: 'pending' }), make({ status: 'revoked' })];
  const keys = [active, retired, pending, revoked];
  t.is(findKey(keys, 'poll', active.id, now), active);
  t.is(findKey(keys, 'poll', retired.id, now), retired);
  for (const key of [pending, revoked])
    t.is(
      thrown(() => findKey(keys, 'poll', key.id, now)),
      'key_not_active',
    );
  t.is(
    thrown(() => findKey(keys, 'poll', flipped(active.id), now)),
    'key_unknown',
  );
  t.is(
    thrown(() => findKey(keys, 'notification', active.id, now)),
    'key_unknown',
  );
});

test('the life of a key has an hour of slack on both ends', (t) => {
  t.true(inLife(life, now - 3600) && inLife(life, now + 4600));
  t.false(inLife(life, now - 3601) || inLife(life, now + 4601));
  t.true(inLife({ notBefore: 0, notAfter: endOfTime }, now));
  const key = make();
  t.is(
    thrown(() => findKey([key], 'poll', key.id, now + 4601)),
    'key_not_active',
  );
});
