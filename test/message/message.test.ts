import test from 'ava';
import { concat, sha256 } from '../../src/crypto/kdf.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { acceptTokenHash } from '../../src/keys/fingerprints.ts';
import type { VerifiedUser } from '../../src/keys/user-answer.ts';
import {
  deriveDrop,
  introductionDropForRecipient,
  introductionDropForSender,
  publishDrop,
  type IntroductionParties,
} from '../../src/message/drops.ts';
import { openEnvelopeAsDomain, sealEnvelope, verifyEnvelope } from '../../src/message/envelope.ts';
import { signLetter } from '../../src/message/letter.ts';
import {
  openMessage,
  sealMessage,
  verifyMessage,
  type ExpectedMessage,
  type MessageToSeal,
} from '../../src/message/message.ts';
import { payloadSize } from '../../src/message/payload.ts';
import { sealPrivateHeader } from '../../src/message/private-header.ts';
import { messageObject, sealedEnvelope, type Letter, type MessageObject } from '../../src/wire/message.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import { mediaTypes } from '../../src/wire/registry.ts';
import { flipped, keyOf, makeDomain, makeUser, now, seededRandom, thrown } from '../support/identities.ts';

const [aTest, bTest] = [makeDomain('a.test'), makeDomain('b.test')];
const ann = makeUser(aTest, 'ann');
const amy = makeUser(aTest, 'amy');
const bob = makeUser(bTest, 'bob');
const carol = makeUser(bTest, 'carol');
const random = seededRandom('messages');
const messageId = random(32);
const partiesOf = (recipient: VerifiedUser): IntroductionParties => ({
  senderAddressHash: ann.verified.addressHash,
  senderKey: keyOf(ann.keys, 'addressing').publicKey,
  senderFingerprint: ann.keys.identityFingerprint,
  recipientAddressHash: recipient.addressHash,
  recipientKey: recipient.keys.find((key) => key.use === 'addressing')!.key,
  recipientDomain: 'b.test',
});
const parties = partiesOf(bob.verified);
const introduced = introductionDropForSender(keyOf(ann.keys, 'addressing').secret, parties);
const sealing = keyOf(bob.keys, 'sealing');
const plaintext = new TextEncoder().encode('Subject: hello\r\n\r\nhello, bob\r\n');
const letterContent: Letter = {
  author: ann.address,
  fingerprint: ann.keys.identityFingerprint,
  id: random(16),
  created: now,
  plaintextHash: sha256(plaintext),
  plaintextLength: plaintext.length,
  mediaType: mediaTypes.mail,
};
const letter = signLetter(letterContent, ann.keys.identity);
const derived = deriveDrop({ master: new Secret(random(32)), epoch: random(16) }, 0, new Secret(random(32)));
const replyDrop = publishDrop(derived, now);
const toSeal: MessageToSeal = {
  sender: { address: ann.address, identity: ann.keys.identity },
  recipient: bob.verified,
  domain: bTest.verified,
  drop: { recipientHash: introduced.recipientHash, sealingKey: sealing.publicKey },
  messageId,
  letter,
  payload: {
    contentKey: new Secret(random(32)),
    size: payloadSize(plaintext.length),
    hash: random(32),
    mediaType: mediaTypes.mail,
  },
  expires: now + 86_400,
  replyDrop,
  tag: 'news',
  now,
  random,
};
const expected: ExpectedMessage = {
  domain: 'b.test',
  recipientHash: introductionDropForRecipient(keyOf(bob.keys, 'addressing').secret, parties).recipientHash,
  messageId,
  senderDomain: 'a.test',
  seeds: [sealing.secret],
  own: {
    addresses: [bob.address],
    identityFingerprint: bob.keys.identityFingerprint,
    recordFingerprints: [bob.verified.recordFingerprint],
  },
};
const introduction = {
  senderAddress: ann.address,
  senderKey: parties.senderKey,
  senderFingerprint: parties.senderFingerprint,
};
const seal = (changes: Partial<MessageToSeal> = {}) => sealMessage({ ...toSeal, ...changes });
const sealed = seal();
const open = (changes: Partial<ExpectedMessage> = {}, object = sealed.object) =>
  thrown(() => openMessage(object, { ...expected, ...changes }));
const verify = (object: Uint8Array, witnesses = {}) =>
  thrown(() => verifyMessage(openMessage(object, expected), { sender: ann.verified, ...witnesses }, now));
const parts = (changes: Partial<MessageObject>): Uint8Array =>
  encode(messageObject, { ...decode(messageObject, sealed.object), ...changes });

test('a message opens, verifies and gives all that the recipient needs', (t) => {
  const opened = openMessage(sealed.object, expected);
  t.is(opened.senderAddress, ann.address);
  t.is(opened.authorAddress, ann.address);
  const message = verifyMessage(opened, { sender: ann.verified, introduction }, now);
  t.deepEqual(message.letter, letterContent);
  t.deepEqual(message.signedLetter, letter);
  t.is(message.authorship, 'sender');
  t.true(message.contentKey.equals(toSeal.payload.contentKey));
  t.deepEqual(acceptTokenHash(message.acceptToken.expose()), sealed.acceptTokenHash);
  t.deepEqual(message.replyDrop, replyDrop);
  t.is(message.tag, 'news');
  t.deepEqual(message.payload.payloadHash, toSeal.payload.hash);
  t.deepEqual(message.envelope.headerHash, sealed.headerHash);
  t.deepEqual(decode(messageObject, sealed.object), { header: sealed.header, envelope: sealed.envelope });
});

test('the sizes tell nothing: a header of 4096 bytes, an envelope in steps of 2048', (t) => {
  const { replyDrop: _, tag: __, ...bareMessage } = toSeal;
  for (const object of [sealed, sealMessage(bareMessage)]) {
    t.is(object.header.length, 4096);
    const { ciphertext } = decode(sealedEnvelope, object.envelope);
    t.is(ciphertext.length, 56 + 2048 + 16);
  }
});

test('a large header takes more units of 4096 bytes', (t) => {
  const parents = Array.from({ length: 64 }, () => random(16));
  const extensions = concat(Uint8Array.of(0x59, 3, 0xfd), new Uint8Array(1021));
  const long = signLetter({ ...letterContent, parents, extensions }, ann.keys.identity);
  const big = seal({ letter: long });
  t.is(big.header.length, 8192);
  t.is(verify(big.object), 'no error');
});

test('the header opens with one of up to four own sealing keys', (t) => {
  const others = [1, 2, 3, 4].map(() => new Secret(random(32)));
  t.is(open({ seeds: [...others.slice(0, 3), sealing.secret] }), 'no error');
  t.is(open({ seeds: [...others, sealing.secret] }), 'open_failed');
  t.is(open({ seeds: [keyOf(carol.keys, 'sealing').secret] }), 'open_failed');
  t.is(open({ seeds: [] }), 'open_failed');
});

test('a message by a handed-over drop opens with the seed of the drop', (t) => {
  const drop = deriveDrop({ master: new Secret(random(32)), epoch: random(16) }, 3, new Secret(random(32)));
  const recipientHash = random(32);
  const { object } = seal({ drop: { recipientHash, sealingKey: drop.sealingKey, notAfter: now + 86_400 } });
  t.is(open({ recipientHash, seeds: [drop.sealingSeed] }, object), 'no error');
  t.is(open({ recipientHash }, object), 'open_failed');
  t.is(
    thrown(() => seal({ drop: { recipientHash, sealingKey: drop.sealingKey, notAfter: now + 86_399 } })),
    'drop_expired',
  );
});

test('a header that does not open is open_failed: changed, cut, or bound to another ref', (t) => {
  t.is(open({}, parts({ header: flipped(sealed.header) })), 'open_failed');
  t.is(open({}, parts({ header: flipped(sealed.header, 0) })), 'open_failed');
  t.is(open({}, parts({ header: flipped(sealed.header, 1100) })), 'open_failed');
  t.is(open({}, parts({ header: new Uint8Array(4097) })), 'open_failed');
  t.is(open({ messageId: flipped(messageId) }), 'open_failed');
  t.is(open({ recipientHash: flipped(expected.recipientHash) }), 'open_failed');
  t.is(open({ domain: 'c.test' }), 'open_failed');
});

test('an envelope of another message is refused', (t) => {
  t.is(open({}, parts({ envelope: seal().envelope })), 'commitment_mismatch');
  const changed = decode(sealedEnvelope, sealed.envelope);
  const broken = encode(sealedEnvelope, { ...changed, ciphertext: flipped(changed.ciphertext) });
  t.is(open({}, parts({ envelope: broken })), 'open_failed');
  const elsewhere = encode(sealedEnvelope, { ...changed, destination: 'c.test' });
  t.is(open({}, parts({ envelope: elsewhere })), 'commitment_mismatch');
});

test('an envelope that does not agree with the ref is message_mismatch', (t) => {
  t.is(open({ senderDomain: 'c.test' }), 'message_mismatch');
  // The sender binds header and envelope to different messages: the header opens, the envelope tells.
  const keys = { envelopeKey: random(32), bindingKey: random(32), acceptToken: random(32) };
  const binding = { domain: 'b.test', recipientHash: expected.recipientHash, messageId };
  const header = sealPrivateHeader(
    { contentKey: random(32), ...keys, recordFingerprint: bob.verified.recordFingerprint, letter },
    sealing.publicKey,
    binding,
    random,
  );
  const good = openMessage(sealed.object, expected).envelope.content;
  const withEnvelope = (changes: object): string => {
    const content = { ...good, headerHash: sha256(header), ...changes };
    const domainKey = bTest.verified.keys.find((key) => key.use === 'envelope')!;
    const envelope = sealEnvelope(
      content,
      ann.keys.identity,
      new Secret(keys.envelopeKey),
      domainKey,
      random,
    );
    return open({}, parts({ header, envelope }));
  };
  t.is(withEnvelope({ messageId: random(32) }), 'message_mismatch');
  t.is(withEnvelope({ recipientHash: random(32) }), 'message_mismatch');
  t.is(withEnvelope({ sender: 'ann@c.test' }), 'message_mismatch');
  t.is(withEnvelope({ headerHash: good.headerHash }), 'message_mismatch');
  t.is(withEnvelope({ destination: 'c.test' }), 'message_mismatch');
  t.is(withEnvelope({}), 'message_misdirected');
});

test('a message handed on to another recipient is refused', (t) => {
  // Bob seals what he got anew for Carol: with Ann's letter and envelope, under Carol's keys and hash.
  const opened = openMessage(sealed.object, expected);
  const toCarol = { ...expected, seeds: [keyOf(carol.keys, 'sealing').secret], own: ownOf(carol) };
  const header = sealPrivateHeader(opened.header, keyOf(carol.keys, 'sealing').publicKey, expected, random);
  t.is(
    thrown(() => openMessage(parts({ header }), toCarol)),
    'message_mismatch',
  );
  // With an envelope that Bob signs himself the message is his, and Ann's name does not verify.
  const envelope = sealEnvelope(
    { ...opened.envelope.content, headerHash: sha256(header) },
    bob.keys.identity,
    new Secret(opened.header.envelopeKey),
    bTest.verified.keys.find((key) => key.use === 'envelope')!,
    random,
  );
  t.is(
    thrown(() => openMessage(parts({ header, envelope }), toCarol)),
    'message_misdirected',
  );
});

function ownOf(user: typeof bob): ExpectedMessage['own'] {
  return {
    addresses: [user.address],
    identityFingerprint: user.keys.identityFingerprint,
    recordFingerprints: [user.verified.recordFingerprint],
  };
}

test('a message to another address, identity or record is message_misdirected', (t) => {
  const { own } = expected;
  t.is(open({ own: { ...own, addresses: ['bobby@b.test'] } }), 'message_misdirected');
  t.is(open({ own: { ...own, addresses: ['bobby@b.test', bob.address] } }), 'no error');
  t.is(open({ own: { ...own, identityFingerprint: carol.keys.identityFingerprint } }), 'message_misdirected');
  t.is(open({ own: { ...own, recordFingerprints: [] } }), 'message_misdirected');
  t.is(open({ own: { ...own, recordFingerprints: [random(32)] } }), 'message_misdirected');
  t.is(open({}, seal({ recipient: carol.verified }).object), 'message_misdirected');
});

test('envelope and letter verify under the published keys alone', (t) => {
  t.is(verify(sealed.object), 'no error');
  t.is(verify(sealed.object, { sender: amy.verified }), 'message_mismatch');
  const rotated = { ...ann.verified, identityKey: amy.keys.identity.publicKey };
  t.is(verify(sealed.object, { sender: rotated }), 'key_unknown');
  const forger = { ...amy.keys.identity, id: ann.keys.identity.id };
  const forged = seal({ sender: { address: ann.address, identity: forger } });
  t.is(verify(forged.object), 'signature_invalid');
  t.is(verify(seal({ letter: signLetter(letterContent, forger) }).object), 'signature_invalid');
  t.is(verify(seal({ letter: signLetter(letterContent, amy.keys.identity) }).object), 'key_unknown');
  const lying = signLetter({ ...letterContent, fingerprint: random(32) }, ann.keys.identity);
  t.is(verify(seal({ letter: lying }).object), 'fingerprint_mismatch');
  t.is(verify(sealed.object, { author: amy.verified }), 'fingerprint_mismatch');
  const stranger = { ...introduction, senderFingerprint: random(32) };
  t.is(verify(sealed.object, { introduction: stranger }), 'fingerprint_mismatch');
  const { payload } = toSeal;
  t.is(verify(seal({ payload: { ...payload, size: payload.size + 1 } }).object), 'payload_mismatch');
});

test('a letter by another author is shown as such only where its audience names the sender', (t) => {
  const by = (audience?: string) => {
    const content = { ...letterContent, author: amy.address, fingerprint: amy.keys.identityFingerprint };
    const signed = signLetter(audience === undefined ? content : { ...content, audience }, amy.keys.identity);
    const opened = openMessage(seal({ letter: signed }).object, expected);
    t.is(opened.authorAddress, amy.address);
    return verifyMessage(opened, { sender: ann.verified, author: amy.verified }, now).authorship;
  };
  t.is(by(), 'forwarded');
  t.is(by(ann.address), 'audience');
  t.is(by(bob.address), 'forwarded');
});

test('a reply drop that does not hold up is left out, the message stands', (t) => {
  for (const drop of [
    { ...replyDrop, domain: 'b.test' },
    { ...replyDrop, notAfter: now - 1 },
    { ...replyDrop, pollKey: new Uint8Array(32) },
  ]) {
    const opened = openMessage(seal({ replyDrop: drop }).object, expected);
    t.is(verifyMessage(opened, { sender: ann.verified }, now).replyDrop, undefined);
  }
});

test('a reply drop that comes from the future is left out: it would be the newest for ever', (t) => {
  const adopted = (ahead: number) =>
    verifyMessage(openMessage(seal({ now: now + ahead }).object, expected), { sender: ann.verified }, now)
      .replyDrop !== undefined;
  t.true(adopted(3600));
  t.false(adopted(3601));
});

test('the receiving domain opens the envelope and nothing else', (t) => {
  const { keys } = bTest.keys;
  const opened = openEnvelopeAsDomain(sealed.envelope, 'b.test', keys, now);
  t.is(verifyEnvelope(opened, ann.verified).sender, ann.address);
  t.is(
    thrown(() => verifyEnvelope(opened, amy.verified)),
    'message_mismatch',
  );
  const code = (envelope: Uint8Array, domain = 'b.test', own = keys, at = now) =>
    thrown(() => openEnvelopeAsDomain(envelope, domain, own, at));
  t.is(code(sealed.envelope, 'c.test'), 'message_mismatch');
  t.is(code(sealed.envelope, 'b.test', aTest.keys.keys), 'key_unknown');
  t.is(code(sealed.envelope, 'b.test', keys, now + 401 * 86_400), 'key_not_active');
  const plain = decode(sealedEnvelope, sealed.envelope);
  const changed = encode(sealedEnvelope, { ...plain, sealedKey: flipped(plain.sealedKey) });
  t.is(code(changed), 'open_failed');
  t.is(open({ seeds: [keyOf(bTest.keys, 'envelope').secret] }), 'open_failed');
});

test('a destination without an active envelope key cannot be written to', (t) => {
  const domain = { ...bTest.verified, keys: bTest.verified.keys.filter((key) => key.use !== 'envelope') };
  t.is(
    thrown(() => seal({ domain })),
    'key_not_active',
  );
});
