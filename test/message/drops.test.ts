import test from 'ava';
import fc from 'fast-check';
import { Secret } from '../../src/crypto/secret.ts';
import { x25519Public } from '../../src/crypto/dh.ts';
import { xwingPublic } from '../../src/crypto/xwing.ts';
import {
  bucketOf,
  checkHandedOver,
  deriveDrop,
  introductionDropForRecipient,
  introductionDropForSender,
  isAdoptable,
  publishDrop,
  recipientHash,
  type IntroductionParties,
} from '../../src/message/drops.ts';
import { addressHash, identityFingerprint } from '../../src/keys/fingerprints.ts';
import { drop as dropSchema, type Drop } from '../../src/wire/message.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import { flipped, now, thrown } from '../support/identities.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const scalarOf = fc.uint8Array({ minLength: 32, maxLength: 32 });
const parties = (a: Uint8Array, b: Uint8Array): IntroductionParties => ({
  senderAddressHash: addressHash('ann@a.test'),
  senderKey: x25519Public(a),
  senderFingerprint: identityFingerprint(new Uint8Array(32).fill(5)),
  recipientAddressHash: addressHash('bob@b.test'),
  recipientKey: x25519Public(b),
  recipientDomain: 'b.test',
});
const source = { master: new Secret(new Uint8Array(32).fill(1)), epoch: new Uint8Array(16).fill(2) };
const chain = (): Secret => new Secret(new Uint8Array(32).fill(3));

test('both sides of an introduction meet in the same drop', (t) => {
  fc.assert(
    fc.property(scalarOf, scalarOf, (a, b) => {
      const both = parties(a, b);
      const sender = introductionDropForSender(new Secret(a), both);
      const recipient = introductionDropForRecipient(new Secret(b), both);
      return (
        hex(sender.pollKey) === hex(recipient.owner.pollKey) &&
        hex(sender.recipientHash) === hex(recipient.recipientHash) &&
        hex(sender.recipientHash) === hex(recipientHash(sender.pollKey, 'b.test'))
      );
    }),
    { numRuns: 30 },
  );
  t.pass();
});

test('every party to an introduction counts', (t) => {
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const both = parties(a, b);
  const hashOf = (changes: Partial<IntroductionParties>): string =>
    hex(introductionDropForRecipient(new Secret(b), { ...both, ...changes }).recipientHash);
  const hashes = [
    hashOf({}),
    hashOf({ senderAddressHash: flipped(both.senderAddressHash) }),
    hashOf({ recipientAddressHash: flipped(both.recipientAddressHash) }),
    hashOf({ senderFingerprint: flipped(both.senderFingerprint) }),
    hashOf({ senderKey: x25519Public(new Uint8Array(32).fill(9)) }),
    hashOf({ recipientDomain: 'c.test' }),
  ];
  t.is(new Set(hashes).size, hashes.length);
});

test('two drops handed over one after the other share nothing', (t) => {
  const first = deriveDrop(source, 0, chain());
  const second = deriveDrop(source, 1, first.nextChain);
  const parts = [first, second].flatMap((drop) => {
    if (drop.owner.kind !== 'handed-over') throw new Error('an introduction');
    return [
      drop.owner.pollKey,
      drop.owner.scalar.expose(),
      drop.sealingSeed.expose(),
      drop.sealingKey,
      drop.nextChain.expose(),
      recipientHash(drop.owner.pollKey, 'a.test'),
      recipientHash(drop.owner.pollKey, 'b.test'),
    ].map(hex);
  });
  t.is(new Set(parts).size, parts.length);
});

test('a derived drop comes back from master, epoch, n and chain alone; another epoch gives another', (t) => {
  const drop = deriveDrop(source, 7, chain());
  const again = deriveDrop(source, 7, chain());
  t.deepEqual(again.sealingKey, drop.sealingKey);
  t.deepEqual(again.owner.pollKey, drop.owner.pollKey);
  t.deepEqual(drop.sealingKey, xwingPublic(drop.sealingSeed.expose()));
  const restored = deriveDrop({ ...source, epoch: new Uint8Array(16) }, 7, chain());
  t.notDeepEqual(restored.owner.pollKey, drop.owner.pollKey);
  t.notDeepEqual(restored.sealingKey, drop.sealingKey);
  t.notDeepEqual(restored.nextChain.expose(), drop.nextChain.expose());
});

test('a published drop fits the wire and lives 90 days at most', (t) => {
  const published = publishDrop(deriveDrop(source, 0, chain()), now, 10 ** 9);
  t.is(published.notAfter, now + 90 * 86_400);
  t.is(publishDrop(deriveDrop(source, 0, chain()), now, 60).notAfter, now + 60);
  t.deepEqual(decode(dropSchema, encode(dropSchema, published)), published);
});

test('a drop is adopted only from the domain of its sender, in its time, with good keys', (t) => {
  const good = publishDrop(deriveDrop(source, 0, chain()), now);
  const cases: [Partial<Drop>, string][] = [
    [{}, 'no error'],
    [{ domain: 'a.test' }, 'no error'],
    [{ domain: 'b.test' }, 'message_mismatch'],
    [{ suite: 9 }, 'unsupported'],
    [{ pollKey: new Uint8Array(32) }, 'key_invalid'],
    [{ sealingKey: new Uint8Array(1216).fill(255) }, 'key_invalid'],
    [{ notAfter: now - 1 }, 'drop_expired'],
    [{ notAfter: now + 91 * 86_400 }, 'drop_expired'],
    [{ created: now + 3600, notAfter: now + 90 * 86_400 }, 'no error'],
    [{ created: now + 3601, notAfter: now + 90 * 86_400 }, 'drop_expired'],
    [{ created: 2 ** 39, notAfter: 2 ** 39 + 86_400 }, 'drop_expired'],
  ];
  for (const [changes, code] of cases) {
    const drop = { ...good, ...changes };
    t.is(
      thrown(() => checkHandedOver(drop, 'a.test', now)),
      code,
    );
    t.is(isAdoptable(drop, 'a.test', now), code === 'no error');
  }
});

test('a bucket shows its k highest bits and no more', (t) => {
  fc.assert(
    fc.property(scalarOf, fc.integer({ min: 0, max: 12 }), (key, bits) => {
      const { field, number } = bucketOf(key, 'b.test', bits);
      const full = bucketOf(key, 'b.test', 12).field;
      return (
        number < 2 ** bits &&
        field === number * 2 ** (12 - bits) &&
        full - field < 2 ** (12 - bits) &&
        full >= field
      );
    }),
  );
  t.deepEqual(bucketOf(source.epoch, 'b.test', 0), { field: 0, number: 0 });
  for (const bits of [13, -1, 1.5])
    t.is(
      thrown(() => bucketOf(source.epoch, 'b.test', bits)),
      'cbor_range',
    );
});
