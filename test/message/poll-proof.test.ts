import test from 'ava';
import { x25519, x25519Public } from '../../src/crypto/dh.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { addressHash } from '../../src/keys/fingerprints.ts';
import {
  deriveDrop,
  introductionDropForRecipient,
  introductionDropForSender,
  type DropOwner,
} from '../../src/message/drops.ts';
import {
  checkPollTime,
  provePoll,
  verifyPollProof,
  type PollOccasion,
} from '../../src/message/poll-proof.ts';
import { pollEntry, pollRequest, type PollEntry } from '../../src/wire/collect.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import { flipped, keyOf, makeDomain, now, thrown } from '../support/identities.ts';

const domainKey = keyOf(makeDomain('b.test').keys, 'poll');
const occasion: PollOccasion = {
  domain: 'b.test',
  keyId: domainKey.id,
  time: now,
  nonce: new Uint8Array(16).fill(4),
};
const secretOf = (fill: number): Secret => new Secret(new Uint8Array(32).fill(fill));
const [a, b] = [secretOf(11), secretOf(12)];
const parties = {
  senderAddressHash: addressHash('ann@a.test'),
  senderKey: x25519Public(a.expose()),
  senderFingerprint: new Uint8Array(32).fill(6),
  recipientAddressHash: addressHash('bob@b.test'),
  recipientKey: x25519Public(b.expose()),
  recipientDomain: 'b.test',
};
const introduced = introductionDropForRecipient(b, parties).owner;
const handedOver = deriveDrop({ master: secretOf(1), epoch: new Uint8Array(16) }, 0, secretOf(2)).owner;
const full = {
  done: [[new Uint8Array(32).fill(1), 0]] as const,
  after: Uint8Array.of(1, 2, 3),
};
const verify = (entry: PollEntry, changes: Partial<PollOccasion> = {}): boolean =>
  verifyPollProof(domainKey.secret, { ...occasion, ...changes }, entry);

test('the owner of a drop of either kind proves polls', (t) => {
  for (const owner of [handedOver, introduced]) {
    t.true(verify(provePoll(owner, domainKey.publicKey, occasion)));
    const entry = provePoll(owner, domainKey.publicKey, occasion, full);
    t.true(verify(decode(pollEntry, encode(pollEntry, entry))));
    const { domain: _, ...fields } = occasion;
    const request = encode(pollRequest, { ...fields, entries: [entry] });
    t.true(verify(decode(pollRequest, request).entries[0]!));
  }
});

test('the sender of an introduction, who knows the drop, cannot prove its polls', (t) => {
  const drop = introductionDropForSender(a, parties);
  t.deepEqual(drop.pollKey, introduced.pollKey);
  // All that the sender could try: s and a in every place where b belongs.
  if (introduced.kind !== 'introduction') throw new Error('not an introduction');
  const { shared } = introduced;
  const attempts: DropOwner[] = [
    { kind: 'introduction', pollKey: drop.pollKey, addressing: a, shared },
    { kind: 'introduction', pollKey: drop.pollKey, addressing: shared, shared },
    { kind: 'handed-over', pollKey: drop.pollKey, scalar: shared },
    { kind: 'handed-over', pollKey: drop.pollKey, scalar: a },
    {
      kind: 'handed-over',
      pollKey: drop.pollKey,
      scalar: new Secret(x25519(a.expose(), parties.recipientKey)),
    },
  ];
  for (const owner of attempts) t.false(verify(provePoll(owner, domainKey.publicKey, occasion)));
});

test('a proof holds for its entry and occasion alone', (t) => {
  const entry = provePoll(handedOver, domainKey.publicKey, occasion, full);
  t.true(verify(entry));
  t.false(verify({ ...entry, proof: flipped(entry.proof) }));
  t.false(verify({ ...entry, pollKey: introduced.pollKey }));
  t.false(verify({ ...entry, after: Uint8Array.of(1, 2, 4) }));
  t.false(verify({ ...entry, done: [[new Uint8Array(32).fill(1), 1]] }));
  const { done: _, ...without } = entry;
  t.false(verify(without));
  t.false(verify({ ...entry, unknown: new Map([[9, Uint8Array.of(1)]]) }));
  t.false(verify(entry, { time: now + 1 }));
  t.false(verify(entry, { nonce: flipped(occasion.nonce) }));
  t.false(verify(entry, { domain: 'c.test' }));
  t.false(verify(entry, { keyId: flipped(occasion.keyId) }));
  t.false(verifyPollProof(secretOf(99), occasion, entry));
});

test('poll keys of small order or not canonical are false, not an error', (t) => {
  const entry = provePoll(handedOver, domainKey.publicKey, occasion);
  const one = new Uint8Array(32);
  one[0] = 1;
  for (const pollKey of [new Uint8Array(32), one, new Uint8Array(32).fill(255)])
    t.false(verify({ ...entry, pollKey }));
  // Not even with the proof that the stand-in would make.
  const standIn: DropOwner = { kind: 'handed-over', pollKey: new Uint8Array(32), scalar: secretOf(1) };
  t.false(verify(provePoll(standIn, domainKey.publicKey, occasion)));
  t.is(
    thrown(() => provePoll(handedOver, new Uint8Array(32), occasion)),
    'key_invalid',
  );
});

test('a request more than an hour off is stale', (t) => {
  for (const time of [now - 3600, now + 3600]) t.notThrows(() => checkPollTime(time, now));
  for (const time of [now - 3601, now + 3601])
    t.is(
      thrown(() => checkPollTime(time, now)),
      'proof_stale',
    );
});
