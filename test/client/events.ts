/** Whatever can happen to a client, in any order: states and events for property tests. */
import { base64urlnopad } from '@scure/base';
import fc from 'fast-check';
import { receivedKey } from '../../src/client/reduce.ts';
import type { ClientEvent, ClientState } from '../../src/client/state.ts';
import { userKeysToJson } from '../../src/keys/user-key-file.ts';
import { makeDomain, makeUser, now } from '../support/identities.ts';

const b64 = base64urlnopad.encode;
export const ann = makeUser(makeDomain('alpha.test'), 'ann');

/** Before anything happened. */
export const empty: ClientState = {
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
export const id32 = named(32);

const names = fc.nat({ max: 3 });
export const messageId = names.map(id32);
export const pollKey = fc.nat({ max: 2 }).map((name) => id32(100 + name));
export const key = fc.tuple(pollKey, messageId).map(([drop, id]) => receivedKey({ pollKey: drop, id }));
const letterId = names.map(named(16));
export const time = fc.integer({ min: now - 1000, max: now + 1000 });
export const address = fc.constantFrom('bob@beta.test', 'cem@gamma.test');

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
const card = fc.record({
  kind: fc.constant('card' as const),
  epoch: fc.constant(empty.epoch),
  n: fc.nat({ max: 9 }),
  seed: messageId,
  card: names.map(named(16)),
  key: messageId,
  note: fc.constantFrom('', 'the baker'),
  created: time,
  notAfter: time,
});
const part = fc.record({
  id: messageId,
  expires: time,
  mediaType: fc.constant('text/plain'),
  length: fc.nat(),
});
export const message = fc.record({
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
  // No letter id is used twice.
  letterIds: fc.array(fc.noBias(fc.uint8Array({ minLength: 16, maxLength: 16 })).map(b64), { minLength: 1 }),
  subject: fc.string({ unit: 'binary' }),
  created: time,
  parts: fc.constant([]),
});

/** Events about something, which may be unknown. */
export const about = {
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
  claimed: fc.record({ type: fc.constant('card-claimed' as const), pollKey, by: address, at: time }),
  revoked: fc.record({ type: fc.constant('card-revoked' as const), pollKey }),
  deleted: fc.record({ type: fc.constant('directory-deleted' as const), key: fc.constant('domain-pin:x') }),
};

export const anyEvent: fc.Arbitrary<ClientEvent> = fc.oneof(
  ...Object.values(about),
  fc.constant({ type: 'enrolled' as const }),
  fc.record({ type: fc.constant('contact-known' as const), address }),
  fc.record({ type: fc.constant('drop-made' as const), pollKey, drop: handed }),
  fc.record({ type: fc.constant('card-made' as const), pollKey, drop: card }),
  fc.record({ type: fc.constant('introduction-found' as const), pollKey, drop: introduced }),
  fc.record({ type: fc.constant('feed-read' as const), cursor: messageId }),
  fc.record({
    type: fc.constant('ref-seen' as const),
    ref: fc.record(
      {
        id: messageId,
        pollKey,
        senderDomain: fc.constant('beta.test'),
        expires: time,
        firstSeen: time,
        sizeClass: fc.nat({ max: 63 }),
        blind: time,
      },
      { requiredKeys: ['id', 'pollKey', 'senderDomain', 'expires', 'firstSeen', 'sizeClass'] },
    ),
  }),
  fc.record({ type: fc.constant('drop-adopted' as const), address, drop: theirDrop }),
  fc.constant({ type: 'number-taken' as const }),
  fc.record({ type: fc.constant('sent' as const), sent }),
  fc.record({ type: fc.constant('rotation-planned' as const), at: time }),
  fc.record({ type: fc.constant('canary-planned' as const), at: time }),
  fc.record({ type: fc.constant('silence-checked' as const), at: time }),
  fc.record({ type: fc.constant('drops-given-up' as const), address, until: time }),
  fc.record({ type: fc.constant('record-published' as const), fingerprint: messageId, at: time }),
  fc.record({
    type: fc.constant('record-seen' as const),
    address,
    wrong: fc.subarray(['identity_other', 'escrow', 'record_missing'] as const),
    at: time,
  }),
  fc.record({ type: fc.constant('sender-ignored' as const), address, on: fc.boolean(), at: time }),
  fc.record({ type: fc.constant('sender-pulled' as const), address, on: fc.boolean(), at: time }),
  fc.record({ type: fc.constant('deferred' as const), key, until: time, at: time }),
  fc.record({
    type: fc.constant('pulls-told' as const),
    counters: fc.dictionary(pollKey, time, { maxKeys: 2 }),
  }),
  fc.record({
    type: fc.constant('preferences-told' as const),
    counters: fc.dictionary(pollKey, time, { maxKeys: 2 }),
  }),
  fc.record({
    type: fc.constant('passed-over' as const),
    ref: fc.record({ id: messageId, pollKey }),
  }),
  fc.constant({ type: 'alarms-dismissed' as const }),
  fc.record({
    type: fc.constant('directory-put' as const),
    key: fc.constant('domain-pin:x'),
    value: messageId,
  }),
  fc.record({ type: fc.constant('time-passed' as const), now: time }),
);
