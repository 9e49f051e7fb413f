import test from 'ava';
import { hpkeSeal } from '../../src/crypto/hpke.ts';
import { checkIntroducer, openIntroduction, sealIntroduction } from '../../src/message/introduction.ts';
import { context } from '../../src/wire/context.ts';
import { encodeIntroduction, joinIntroduction, splitIntroduction } from '../../src/wire/notification.ts';
import { flipped, keyOf, makeDomain, makeUser, now, seededRandom, thrown } from '../support/identities.ts';

const [aTest, bTest] = [makeDomain('a.test'), makeDomain('b.test')];
const ann = makeUser(aTest, 'ann');
const bob = makeUser(bTest, 'bob');
const addressing = keyOf(bob.keys, 'addressing');
const content = {
  senderKey: keyOf(ann.keys, 'addressing').publicKey,
  senderFingerprint: ann.keys.identityFingerprint,
  senderLocal: 'ann',
  senderDomain: 'a.test',
  recipientKey: addressing.publicKey,
  recipientDomain: 'b.test',
  bucketField: 0xabc,
  random: seededRandom('introductions'),
};
const domains = { senderDomain: 'a.test', recipientDomain: 'b.test' };
const sealed = sealIntroduction(content);
const code = (bytes: Uint8Array, changes: Partial<typeof domains> = {}) =>
  thrown(() => openIntroduction(bytes, addressing, { ...domains, ...changes }));

/** An introduction with any plaintext. */
function sealPlain(plain: Uint8Array): Uint8Array {
  const field = Uint8Array.of(0, 0);
  const info = context('introduction seal', 'a.test', 'b.test');
  const seal = hpkeSeal('x25519', addressing.publicKey, info, field, plain, content.random);
  return joinIntroduction({ type: 0, bucket: 0, sealed: seal });
}

test('an introduction has 178 bytes, shows its bucket, and opens for its recipient', (t) => {
  t.is(sealed.length, 178);
  t.is(splitIntroduction(sealed).bucket, 0xabc);
  const opened = openIntroduction(sealed, addressing, domains);
  t.is(opened.senderAddress, 'ann@a.test');
  t.deepEqual(opened.senderKey, content.senderKey);
  t.deepEqual(opened.senderFingerprint, content.senderFingerprint);
});

test('it opens for nobody else, in no other domain, with no other bucket', (t) => {
  t.is(code(flipped(sealed)), 'open_failed');
  t.is(code(flipped(sealed, 1)), 'open_failed');
  t.is(code(sealed, { senderDomain: 'c.test' }), 'open_failed');
  t.is(code(sealed, { recipientDomain: 'c.test' }), 'open_failed');
  const carol = makeUser(bTest, 'carol');
  t.is(
    thrown(() => openIntroduction(sealed, keyOf(carol.keys, 'addressing'), domains)),
    'open_failed',
  );
  t.is(code(flipped(sealed, 0)), 'open_failed');
  t.is(code(joinIntroduction({ ...splitIntroduction(sealed), type: 3 })), 'unsupported');
  t.is(code(sealed.slice(1)), 'cbor_range');
});

test('what is inside is checked', (t) => {
  const plain = encodeIntroduction({
    addressingKey: content.senderKey,
    identityFingerprint: content.senderFingerprint,
    local: 'ann',
  });
  t.is(code(sealPlain(plain)), 'no error');
  t.is(code(sealPlain(flipped(plain))), 'padding_invalid');
  const nobody = plain.slice();
  nobody.fill(0, 64);
  t.is(code(sealPlain(nobody)), 'padding_invalid');
  const upper = plain.slice();
  upper[64] = 'A'.charCodeAt(0);
  t.is(code(sealPlain(upper)), 'address_invalid');
  const binary = plain.slice();
  binary[64] = 0xff;
  t.is(code(sealPlain(binary)), 'cbor_utf8');
  const weak = plain.slice();
  weak.fill(0, 0, 32);
  t.is(code(sealPlain(weak)), 'key_invalid');
});

test('a local part of 64 bytes fits', (t) => {
  const local = 'a'.repeat(64);
  const opened = openIntroduction(sealIntroduction({ ...content, senderLocal: local }), addressing, domains);
  t.is(opened.senderAddress, `${local}@a.test`);
});

test('a weak recipient key is refused', (t) => {
  t.is(
    thrown(() => sealIntroduction({ ...content, recipientKey: new Uint8Array(32) })),
    'key_invalid',
  );
});

test('the published record must be that of who introduced themselves', (t) => {
  const opened = openIntroduction(sealed, addressing, domains);
  t.notThrows(() => checkIntroducer(opened, ann.verified, now));
  const wrong = [
    { ...opened, senderFingerprint: flipped(opened.senderFingerprint) },
    { ...opened, senderKey: flipped(opened.senderKey) },
    { ...opened, senderKey: keyOf(ann.keys, 'sealing').publicKey },
    { ...opened, senderAddress: 'amy@a.test' },
  ];
  for (const claim of wrong)
    t.is(
      thrown(() => checkIntroducer(claim, ann.verified, now)),
      'fingerprint_mismatch',
    );
});
