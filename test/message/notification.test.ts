import test from 'ava';
import fc from 'fast-check';
import { hpkeSeal } from '../../src/crypto/hpke.ts';
import { concat } from '../../src/crypto/kdf.ts';
import { usableKey } from '../../src/keys/published-key.ts';
import {
  openNotification,
  packRefs,
  sealNotification,
  verifyNotification,
  type NotificationToSeal,
} from '../../src/message/notification.ts';
import { context } from '../../src/wire/context.ts';
import { splitDatagram, type Ref } from '../../src/wire/notification.ts';
import { flipped, keyOf, makeDomain, now, seededRandom, thrown } from '../support/identities.ts';

const [aTest, bTest] = [makeDomain('a.test'), makeDomain('b.test')];
const random = seededRandom('notifications');
const own = keyOf(bTest.keys, 'notification');
const refOf = (introduced = false): Ref => ({
  recipientHash: random(32),
  messageId: random(32),
  expires: now + 86_400,
  sizeClass: 13,
  ...(introduced ? { labels: { introduction: random(178) } } : {}),
});
const content: NotificationToSeal = {
  sender: 'a.test',
  serial: now,
  time: now,
  refs: [refOf()],
  signing: keyOf(aTest.keys, 'domainSigning'),
  receiver: 'b.test',
  receiverKey: usableKey(bTest.verified, 'notification', now),
  random,
};
const seal = (changes: Partial<NotificationToSeal> = {}) => sealNotification({ ...content, ...changes });
const open = (datagram: Uint8Array, receiver = 'b.test') =>
  openNotification(splitDatagram(datagram), own, receiver);
const verify = (datagram: Uint8Array, sender = aTest.verified, at = now) =>
  thrown(() => verifyNotification(open(datagram), sender, 'b.test', at));

test('a notification opens for its receiver and verifies under its sender', (t) => {
  const refs = [refOf(), refOf(true), { ...refOf(), labels: { retraction: true } }];
  const datagram = seal({ refs });
  t.deepEqual(splitDatagram(datagram).keyId, own.id);
  const opened = open(datagram);
  t.is(opened.sender, 'a.test');
  t.is(opened.serial, now);
  t.deepEqual(opened.refs, refs);
  t.is(verify(datagram), 'no error');
});

test('a datagram has 512 bytes where the refs fit, else 1200', (t) => {
  const refs = (count: number, introduced = false): Ref[] =>
    Array.from({ length: count }, () => refOf(introduced));
  t.is(seal().length, 512);
  t.is(seal({ refs: refs(1, true) }).length, 512);
  t.is(seal({ refs: refs(4) }).length, 512);
  t.is(seal({ refs: refs(5) }).length, 1200);
  t.is(seal({ refs: refs(13) }).length, 1200);
  t.is(seal({ refs: refs(3, true) }).length, 1200);
  t.is(
    thrown(() => seal({ refs: refs(5, true) })),
    'cbor_too_large',
  );
});

test('property: packed refs fit, in their order, none lost', (t) => {
  const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(44)}.test`;
  t.is(long.length, 241);
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 40 }),
      fc.constantFrom('a.test', long.slice(1)),
      fc.constantFrom(512, 1200),
      (kinds, sender, size) => {
        const refs = kinds.map((introduced) => refOf(introduced && !(size === 512 && sender !== 'a.test')));
        const groups = packRefs(refs, sender, size);
        const fits = groups.every((group) => {
          const datagram = seal({ sender, refs: group, serial: 2 ** 40 - 1, time: 2 ** 40 - 1 });
          return datagram.length <= size;
        });
        return (
          fits && groups.flat().every((ref, i) => ref === refs[i]) && groups.flat().length === refs.length
        );
      },
    ),
    { numRuns: 40 },
  );
  t.deepEqual(packRefs([], 'a.test'), []);
});

test('packing is dense', (t) => {
  const sizes = (count: number, introduced: boolean, size: 512 | 1200): number[] =>
    packRefs(
      Array.from({ length: count }, () => refOf(introduced)),
      'example.org',
      size,
    ).map((group) => group.length);
  t.deepEqual(sizes(4, true, 1200), [3, 1]);
  t.deepEqual(sizes(2, true, 512), [1, 1]);
  t.deepEqual(sizes(14, false, 1200), [13, 1]);
  t.deepEqual(sizes(5, false, 512), [4, 1]);
});

test('a datagram that is not for us, or changed, does not open', (t) => {
  const datagram = seal();
  t.is(
    thrown(() => open(datagram, 'c.test')),
    'open_failed',
  );
  for (const at of [1, 9, 100, 511])
    t.is(
      thrown(() => open(flipped(datagram, at))),
      'open_failed',
    );
  t.is(
    thrown(() => open(flipped(datagram, 0))),
    'datagram_version',
  );
  t.is(
    thrown(() => open(datagram.slice(1))),
    'datagram_size',
  );
  const other = keyOf(aTest.keys, 'notification');
  t.is(
    thrown(() => openNotification(splitDatagram(datagram), other, 'b.test')),
    'open_failed',
  );
});

test('what a seal holds is checked', (t) => {
  const header = seal().slice(0, 9);
  const withPlain = (plain: Uint8Array): string => {
    const info = context('notification seal', 'b.test');
    return thrown(() => open(concat(header, hpkeSeal('x25519', own.publicKey, info, header, plain, random))));
  };
  t.is(withPlain(new Uint8Array(455).fill(255)), 'padding_invalid');
  t.is(withPlain(flipped(new Uint8Array(455))), 'padding_invalid');
  t.is(withPlain(new Uint8Array(455)), 'cbor_truncated');
});

test('a notification verifies only under an own signing key of its sender', (t) => {
  t.is(verify(seal(), bTest.verified), 'record_mismatch');
  t.is(verify(seal({ signing: keyOf(bTest.keys, 'domainSigning') })), 'key_unknown');
  const forged = { ...keyOf(bTest.keys, 'domainSigning'), id: content.signing.id };
  t.is(verify(seal({ signing: forged })), 'signature_invalid');
  const signed = open(seal());
  t.is(
    thrown(() => verifyNotification(signed, aTest.verified, 'c.test', now)),
    'signature_invalid',
  );
  t.is(verify(seal(), { ...aTest.verified, revoked: [content.signing.id] }), 'key_not_active');
  const retired = (status: 'retired' | 'pending') => ({
    ...aTest.verified,
    signingKeys: aTest.verified.signingKeys.map((key) => ({ ...key, status })),
  });
  t.is(verify(seal(), retired('retired')), 'no error');
  t.is(verify(seal(), retired('pending')), 'key_not_active');
});

test('a notification more than a day off is stale', (t) => {
  const day = 86_400;
  t.is(verify(seal({ time: now - day })), 'no error');
  t.is(verify(seal({ time: now + day })), 'no error');
  t.is(verify(seal({ time: now - day - 1 })), 'datagram_stale');
  t.is(verify(seal({ time: now + day + 1 })), 'datagram_stale');
});
