/** The saved state as a decoder: whatever a disk gives back is a state or `state_invalid`, nothing else. */
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import fc from 'fast-check';
import { formatState, parseState } from '../../src/client/state-json.ts';
import type { ClientState } from '../../src/client/state.ts';
import { codeOf } from '../../src/errors.ts';
import { userKeysToJson } from '../../src/keys/user-key-file.ts';
import { makeDomain, makeUser, now } from '../support/identities.ts';

const b64 = base64urlnopad.encode;
const ann = makeUser(makeDomain('alpha.test'), 'ann');
const [pollKey, messageId] = [b64(new Uint8Array(32).fill(1)), b64(new Uint8Array(32).fill(2))];

/** A state with something in it everywhere a fault could hide. */
const state: ClientState = {
  version: 1,
  address: ann.address,
  record: b64(ann.inner),
  enrolled: true,
  userKeys: JSON.parse(JSON.stringify(userKeysToJson(ann.keys))),
  master: b64(new Uint8Array(32)),
  epoch: b64(new Uint8Array(16)),
  nextDrop: 1,
  contacts: { 'bob@beta.test': { address: 'bob@beta.test', known: true, handedOut: pollKey } },
  drops: {
    [pollKey]: {
      kind: 'handed',
      epoch: b64(new Uint8Array(16)),
      n: 0,
      seed: messageId,
      correspondent: 'bob@beta.test',
      created: now,
      notAfter: now + 1000,
      used: false,
    },
  },
  received: {
    [`${pollKey} ${messageId}`]: {
      number: 1,
      id: messageId,
      pollKey,
      senderDomain: 'beta.test',
      expires: now + 1000,
      firstSeen: now,
      sizeClass: 12,
      status: 'waiting',
    },
  },
  sent: [],
  nextNumber: 2,
  accepts: [`${pollKey} ${messageId}`],
  done: { [pollKey]: [messageId] },
  directory: { 'domain beta.test': pollKey },
  letters: {},
};

/** Reads, or says `state_invalid`; what was read can be written and read again. */
function isStateOrRefused(saved: string): boolean {
  let read: ClientState;
  try {
    read = parseState(saved);
  } catch (error) {
    return codeOf(error) === 'state_invalid';
  }
  return formatState(parseState(formatState(read))) === formatState(read);
}

test('the state of these tests is one', (t) => {
  t.deepEqual(parseState(formatState(state)), state);
});

test('a state of version 0.1.0, which called messages by their id alone, is read', (t) => {
  const old = { ...state, received: { [messageId]: Object.values(state.received)[0] }, accepts: [messageId] };
  t.deepEqual(parseState(JSON.stringify(old)), state);
  const gone = { ...old, accepts: [messageId, pollKey] };
  t.deepEqual(parseState(JSON.stringify(gone)), state, 'an accept of what is forgotten is owed to nobody');
});

test('a message under another name than its own is damage', (t) => {
  for (const name of [pollKey, `${messageId} ${pollKey}`, `${pollKey} ${messageId} ${messageId}`, ''])
    t.throws(
      () => parseState(JSON.stringify({ ...state, received: { [name]: Object.values(state.received)[0] } })),
      { code: 'state_invalid' },
      name,
    );
});

test('any text, and any JSON, is a state or refused', (t) => {
  t.notThrows(() => fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), isStateOrRefused)));
});

test('a state with bytes cut, flipped or put in is a state or refused', (t) => {
  const saved = formatState(state);
  const place = fc.nat({ max: saved.length });
  const spoilt = fc
    .tuple(place, fc.nat({ max: 8 }), fc.string({ maxLength: 8 }))
    .map(([at, cut, put]) => saved.slice(0, at) + put + saved.slice(at + cut));
  t.notThrows(() => fc.assert(fc.property(spoilt, isStateOrRefused), { numRuns: 500 }));
});

test('a state with any member of any object replaced is a state or refused', (t) => {
  const saved = formatState(state);
  const values = fc.jsonValue({ maxDepth: 2 });
  const replaced = fc.tuple(fc.nat({ max: 60 }), values).map(([which, value]) => {
    let seen = 0;
    return JSON.stringify(JSON.parse(saved, (_key, member: unknown) => (seen++ === which ? value : member)));
  });
  t.notThrows(() => fc.assert(fc.property(replaced, isStateOrRefused), { numRuns: 500 }));
});
