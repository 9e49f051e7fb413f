import test from 'ava';
import fc from 'fast-check';
import { isUnderWay, letterKey, receivedKey, reduce, unopenedKept } from '../../src/client/reduce.ts';
import { formatState, parseState } from '../../src/client/state-json.ts';
import type { ClientEvent, ClientState, Received } from '../../src/client/state.ts';
import { base64urlnopad } from '@scure/base';
import { userKeysToJson } from '../../src/keys/user-key-file.ts';
import { makeDomain, makeUser, now } from '../support/identities.ts';

const b64 = base64urlnopad.encode;
const ann = makeUser(makeDomain('alpha.test'), 'ann');

const empty: ClientState = {
  version: 1,
  address: ann.address,
  record: b64(ann.inner),
  enrolled: false,
  userKeys: JSON.parse(JSON.stringify(userKeysToJson(ann.keys))),
  master: b64(new Uint8Array(32)),
  epoch: b64(new Uint8Array(16)),
  nextDrop: 0,
  contacts: {},
  drops: {},
  received: {},
  sent: [],
  nextNumber: 1,
  accepts: [],
  done: {},
  directory: {},
  letters: {},
};

const named = (length: number) => (name: number) => b64(new Uint8Array(length).fill(name));
const id32 = named(32);

const names = fc.nat({ max: 3 });
const messageId = names.map(id32);
const pollKey = fc.nat({ max: 2 }).map((name) => id32(100 + name));
const key = fc.tuple(pollKey, messageId).map(([drop, id]) => receivedKey({ pollKey: drop, id }));
const letterId = names.map(named(16));
const time = fc.integer({ min: now - 1000, max: now + 1000 });
const address = fc.constantFrom('bob@beta.test', 'cem@gamma.test');

const handed = fc.record({
  kind: fc.constant('handed' as const),
  epoch: fc.constant(empty.epoch),
  n: fc.nat({ max: 9 }),
  seed: messageId,
  correspondent: address,
  created: time,
  notAfter: time,
  used: fc.boolean(),
});
const introduced = fc.record({
  kind: fc.constant('introduced' as const),
  scalar: messageId,
  addressingKeyId: names.map(named(8)),
  claimedAddress: address,
  identityFingerprint: messageId,
  theirAddressingKey: messageId,
  created: time,
  notAfter: time,
});
const part = fc.record({
  id: messageId,
  expires: time,
  mediaType: fc.constant('text/plain'),
  length: fc.nat(),
});
const message = fc.record({
  sender: address,
  author: address,
  forwarded: fc.boolean(),
  letterId,
  parents: fc.array(letterId),
  created: time,
  mediaType: fc.constant('message/rfc822'),
  length: fc.nat(),
  plaintextHash: messageId,
  payloadSize: fc.nat(),
  payloadHash: messageId,
  contentKey: messageId,
  acceptToken: messageId,
});
const theirDrop = fc.record({
  pollKey,
  suite: fc.constant(1),
  sealingKey: fc.constant('AAAA'),
  created: time,
  notAfter: time,
});
const sent = fc.record({
  letterIds: fc.array(letterId),
  subject: fc.string({ unit: 'binary' }),
  created: time,
  parts: fc.constant([]),
});

const about = {
  opened: fc.record({ type: fc.constant('opened' as const), key, message, letterHash: messageId }),
  listed: fc.record({ type: fc.constant('parts-listed' as const), key, parts: fc.array(part) }),
  held: fc.record({ type: fc.constant('held' as const), key, code: fc.constant('unavailable') }),
  refused: fc.record({
    type: fc.constant('refused' as const),
    key,
    code: fc.constant('open_failed'),
  }),
  ended: fc.record({
    type: fc.constant('ended' as const),
    key,
    status: fc.constantFrom('accepted' as const, 'expired' as const, 'ignored' as const),
  }),
  retracted: fc.record({
    type: fc.constant('ref-retracted' as const),
    ref: fc.record({ id: messageId, pollKey, senderDomain: fc.constantFrom('beta.test', 'gamma.test') }),
  }),
  answered: fc.record({ type: fc.constant('accept-answered' as const), key }),
  reported: fc.record({
    type: fc.constant('done-reported' as const),
    pollKey,
    ids: fc.array(messageId),
  }),
  deleted: fc.record({ type: fc.constant('directory-deleted' as const), key: fc.constant('domain-pin:x') }),
};

const anyEvent: fc.Arbitrary<ClientEvent> = fc.oneof(
  ...Object.values(about),
  fc.constant({ type: 'enrolled' as const }),
  fc.record({ type: fc.constant('contact-known' as const), address }),
  fc.record({ type: fc.constant('drop-made' as const), pollKey, drop: handed }),
  fc.record({ type: fc.constant('introduction-found' as const), pollKey, drop: introduced }),
  fc.record({ type: fc.constant('feed-read' as const), cursor: messageId }),
  fc.record({
    type: fc.constant('ref-seen' as const),
    ref: fc.record({
      id: messageId,
      pollKey,
      senderDomain: fc.constant('beta.test'),
      expires: time,
      firstSeen: time,
      sizeClass: fc.nat({ max: 63 }),
    }),
  }),
  fc.record({ type: fc.constant('drop-adopted' as const), address, drop: theirDrop }),
  fc.record({ type: fc.constant('sent' as const), sent }),
  fc.record({
    type: fc.constant('directory-put' as const),
    key: fc.constant('domain-pin:x'),
    value: messageId,
  }),
  fc.record({ type: fc.constant('time-passed' as const), now: time }),
);

const history = fc.array(anyEvent, { maxLength: 40 });
const after = (events: readonly ClientEvent[]): ClientState => events.reduce(reduce, empty);
const all = (state: ClientState): readonly Received[] => Object.values(state.received);

test('events about unknown things change nothing', (t) => {
  fc.assert(
    fc.property(fc.oneof(...Object.values(about)), (event) => {
      t.deepEqual(reduce(empty, event), empty);
    }),
  );
  t.pass();
});

test('any state comes back from its JSON as it was, and as strict as it is read', (t) => {
  fc.assert(
    fc.property(history, (events) => {
      const state = after(events);
      t.deepEqual(parseState(formatState(state)), state);
    }),
    { numRuns: 50 },
  );
  t.pass();
});

test('no event changes the state it is given', (t) => {
  fc.assert(
    fc.property(history, anyEvent, (events, event) => {
      const state = after(events);
      const before = JSON.stringify(state);
      reduce(state, event);
      t.is(JSON.stringify(state), before);
    }),
  );
  t.pass();
});

test('what ended never moves again, and numbers are given once', (t) => {
  fc.assert(
    fc.property(history, anyEvent, (events, event) => {
      const before = after(events);
      const next = reduce(before, event);
      for (const received of all(before).filter((entry) => !isUnderWay(entry)))
        t.deepEqual(next.received[receivedKey(received)], received);
      const numbers = [...all(next), ...next.sent].map(({ number }) => number);
      t.is(new Set(numbers).size, numbers.length);
      t.true(numbers.every((number) => number < next.nextNumber));
    }),
  );
  t.pass();
});

test('only what was opened can be accepted, and then the accept is owed', (t) => {
  fc.assert(
    fc.property(history, key, (events, which) => {
      const before = after(events);
      const next = reduce(before, { type: 'ended', key: which, status: 'accepted' });
      if (before.received[which]?.status === 'opened') t.true(next.accepts.includes(which));
      else t.deepEqual(next, before);
    }),
  );
  t.pass();
});

test('counters never go back, and no drop number is used again', (t) => {
  fc.assert(
    fc.property(history, anyEvent, (events, event) => {
      const before = after(events);
      const next = reduce(before, event);
      t.true(next.nextDrop >= before.nextDrop && next.nextNumber >= before.nextNumber);
      for (const drop of Object.values(next.drops)) t.true(drop.kind !== 'handed' || drop.n < next.nextDrop);
    }),
  );
  t.pass();
});

test('time forgets drops with their seeds, and ends what waits', (t) => {
  fc.assert(
    fc.property(history, time, (events, at) => {
      const next = reduce(after(events), { type: 'time-passed', now: at });
      t.true(Object.values(next.drops).every(({ notAfter }) => notAfter > at));
      t.true(all(next).every((entry) => !isUnderWay(entry) || entry.expires > at));
      for (const { expires, opened } of all(next))
        if (expires <= at) {
          t.is(opened?.contentKey, undefined);
          t.is(opened?.acceptToken, undefined);
        }
      t.true(all(next).every((entry) => entry.opened !== undefined || entry.expires + unopenedKept > at));
      t.true(Object.keys(next.done).every((drop) => drop in next.drops));
    }),
  );
  t.pass();
});

test('the first letter of an id stays the known one', (t) => {
  const ref = {
    id: id32(1),
    pollKey: id32(100),
    senderDomain: 'beta.test',
    expires: now,
    firstSeen: now,
    sizeClass: 13,
  };
  const [sample] = fc.sample(message, 1);
  if (sample === undefined) throw new Error('no sample');
  const state = after([
    { type: 'ref-seen', ref },
    { type: 'ref-seen', ref: { ...ref, id: id32(2) } },
    { type: 'opened', key: receivedKey(ref), message: sample, letterHash: id32(7) },
    { type: 'opened', key: receivedKey({ ...ref, id: id32(2) }), message: sample, letterHash: id32(8) },
  ]);
  t.is(state.letters[letterKey(sample.author, sample.letterId)], id32(7));
});

test('one id over two drops is two messages', (t) => {
  const ref = { senderDomain: 'beta.test', expires: now, firstSeen: now, sizeClass: 13 };
  const mine = { ...ref, id: id32(1), pollKey: id32(100) };
  const theirs = { ...ref, id: id32(1), pollKey: id32(101) };
  const state = after([
    { type: 'ref-seen', ref: theirs },
    { type: 'refused', key: receivedKey(theirs), code: 'message_mismatch' },
    { type: 'ref-seen', ref: mine },
    { type: 'ref-retracted', ref: { ...theirs, pollKey: id32(102) } },
  ]);
  t.like(state.received[receivedKey(theirs)], { number: 1, status: 'refused' });
  t.like(state.received[receivedKey(mine)], { number: 2, status: 'waiting' });
});
