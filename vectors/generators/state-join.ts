/** Cases of wire-spec/state.md section 4: two contents and what both become. What is expected is written out by hand. */
import type { Case, Collection } from './cases.ts';
import { collection, now } from './cases.ts';
import { nameOf } from './conventions.ts';
import { alice, userRecordOf } from './people.ts';
import { seeded } from './random.ts';
import { base64url } from './reference.ts';

export function stateJoin(): readonly Case[] {
  const cases = collection();
  addJoins(cases);
  return cases.cases;
}

type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value };
type Members = { readonly [name: string]: Value };

/** Members in the order of their names, as a client writes them. */
function canonical(value: Value): string {
  return JSON.stringify(value, (_name, member: Value) =>
    typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

const id = (name: string, length = 32): string => base64url(seeded(`state join ${name}`)(length));

const common: Members = {
  format: 'beckon-state-1',
  revision: 1,
  address: 'alice@alpha.test',
  record: base64url(userRecordOf(alice)),
  userKeys: {},
  master: id('master'),
  contacts: {},
  drops: {},
  received: {},
  sent: {},
  pins: {},
  letters: {},
};

const pollKey = id('poll key');
const messageId = id('message');
const key = `${pollKey} ${messageId}`;
const ref: Members = {
  id: messageId,
  pollKey,
  senderDomain: 'beta.test',
  expires: now + 1000,
  firstSeen: now,
  sizeClass: 13,
};
const letter: Members = {
  sender: 'bob@beta.test',
  author: 'bob@beta.test',
  forwarded: false,
  letterId: id('letter', 16),
  parents: [],
  created: now,
  mediaType: 'text/plain',
  length: 5,
  plaintextHash: id('plaintext'),
  payloadSize: 4168,
  payloadHash: id('payload'),
};
const contentKey = id('content key');
const acceptToken = id('accept token');
const received = (more: Members): Members => ({ received: { [key]: { ...ref, ...more } } });
const drop = (created: number, name: string): Members => ({
  pollKey: id(name),
  suite: 1,
  sealingKey: id(`${name} sealing`),
  created,
  notAfter: created + 1000,
});
const contact = (more: Members): Members => ({
  contacts: { 'bob@beta.test': { address: 'bob@beta.test', known: false, ...more } },
});
const handed = (more: Members): Members => ({
  drops: {
    [pollKey]: {
      kind: 'handed',
      epoch: id('epoch', 16),
      n: 3,
      seed: id('seed'),
      correspondent: 'bob@beta.test',
      created: now,
      notAfter: now + 1000,
      used: false,
      ...more,
    },
  },
});
const seed = id('card seed');
const card = (more: Members): Members => ({
  drops: {
    [pollKey]: {
      kind: 'card',
      epoch: id('epoch', 16),
      n: 4,
      card: id('card', 16),
      key: id('card key'),
      note: 'the baker',
      created: now,
      notAfter: now + 1000,
      ...more,
    },
  },
});
const claim = (by: string, at: number): Members => ({ claimed: { by: `${by}@beta.test`, at } });
const sent = (name: string): Members => ({
  letterIds: [id(name, 16)],
  subject: name,
  created: now,
  parts: [],
});

const secrets = { contentKey, acceptToken };
const joins: readonly (readonly [string, Members, Members, Members])[] = [
  ['nothing with nothing', {}, {}, {}],
  ['the higher revision', { revision: 7 }, { revision: 4 }, { revision: 7 }],
  [
    'a message that one has not opened yet',
    received({ status: 'waiting', firstSeen: now + 5 }),
    received({ status: 'opened', opened: { ...letter, ...secrets } }),
    received({ status: 'opened', opened: { ...letter, ...secrets } }),
  ],
  [
    'a message that one accepted, the accept owed',
    received({ status: 'opened', opened: { ...letter, ...secrets } }),
    received({ status: 'accepted', opened: { ...letter, acceptToken } }),
    received({ status: 'accepted', opened: { ...letter, acceptToken } }),
  ],
  [
    'an accept that one was answered',
    received({ status: 'accepted', opened: letter }),
    received({ status: 'accepted', opened: { ...letter, acceptToken } }),
    received({ status: 'accepted', opened: letter }),
  ],
  [
    'a message that one accepted and keeps',
    received({ status: 'opened', opened: { ...letter, ...secrets } }),
    received({ status: 'accepted', kept: 'kept', keptUntil: now + 9, opened: { ...letter, contentKey } }),
    received({ status: 'accepted', kept: 'kept', keptUntil: now + 9, opened: { ...letter, contentKey } }),
  ],
  [
    'a kept message that is gone',
    received({ status: 'accepted', kept: 'kept', keptUntil: now + 9, opened: { ...letter, contentKey } }),
    received({ status: 'accepted', kept: 'gone', keptUntil: now + 9, opened: letter }),
    received({ status: 'accepted', kept: 'gone', keptUntil: now + 9, opened: letter }),
  ],
  [
    'a message that was put off on both, later on one',
    received({ status: 'waiting', deferred: { until: now + 900, at: now + 1 } }),
    received({ status: 'opened', opened: letter, deferred: { until: now + 300, at: now + 2 } }),
    received({ status: 'opened', opened: letter, deferred: { until: now + 300, at: now + 2 } }),
  ],
  [
    'a message that was put off on one',
    received({ status: 'waiting' }),
    received({ status: 'waiting', deferred: { until: now + 300, at: now } }),
    received({ status: 'waiting', deferred: { until: now + 300, at: now } }),
  ],
  [
    'a message read on one, refused on the other',
    received({ status: 'refused', refusal: 'open_failed' }),
    received({ status: 'accepted', opened: letter }),
    received({ status: 'accepted', opened: letter }),
  ],
  [
    'a message that one took for lost, and the other knows to be here as a copy',
    received({ status: 'expired', opened: letter }),
    received({ status: 'waiting', blind: now + 5000 }),
    received({ status: 'waiting', blind: now + 5000, opened: letter }),
  ],
  [
    'a copy that one knows of longer, whose message the other opened',
    received({ status: 'expired', blind: now + 5000, opened: letter }),
    received({ status: 'opened', blind: now + 4000, opened: { ...letter, ...secrets } }),
    received({ status: 'expired', blind: now + 5000, opened: letter }),
  ],
  [
    'a message that is here as a copy, and was refused',
    received({ status: 'refused', refusal: 'open_failed' }),
    received({ status: 'waiting', blind: now + 5000 }),
    received({ status: 'refused', refusal: 'open_failed', blind: now + 5000 }),
  ],
  [
    'a contact whose messages are pulled, and no more',
    contact({ pull: { on: true, at: now } }),
    contact({ pull: { on: false, at: now + 1 } }),
    contact({ pull: { on: false, at: now + 1 } }),
  ],
  [
    'the newer drop of a contact, whom one knows',
    contact({ known: true, drop: drop(now, 'older drop') }),
    contact({ drop: drop(now + 1, 'newer drop') }),
    contact({ known: true, drop: drop(now + 1, 'newer drop') }),
  ],
  ['an own drop that was used on one', handed({}), handed({ used: true }), handed({ used: true })],
  [
    'a contact card that one found claimed',
    card({ seed }),
    card({ seed, ...claim('bob', now) }),
    card({ seed, ...claim('bob', now) }),
  ],
  [
    'a contact card that each found claimed by another',
    card({ seed, ...claim('bob', now + 1) }),
    card({ seed, ...claim('cem', now) }),
    card({ seed, ...claim('cem', now) }),
  ],
  [
    'a contact card that each found claimed by another in the same second',
    card({ seed, ...claim('bob', now) }),
    card({ seed, ...claim('cem', now) }),
    card({ seed, ...claim('cem', now) }),
  ],
  [
    'a contact card that one revoked, whose seed is gone',
    card({ revoked: true }),
    card({ seed, ...claim('bob', now) }),
    card({ revoked: true, ...claim('bob', now) }),
  ],
  [
    'what each sent',
    { sent: { [id('one', 16)]: sent('one') } },
    { sent: { [id('two', 16)]: sent('two') } },
    { sent: { [id('one', 16)]: sent('one'), [id('two', 16)]: sent('two') } },
  ],
  [
    'members that nobody knows',
    { novelty: { a: 1 }, shade: 'blue' },
    { shade: 'green' },
    { novelty: { a: 1 }, shade: 'green' },
  ],
];

function addJoins(cases: Collection): void {
  for (const [description, a, b, expected] of joins) {
    const [one, other, output] = [a, b, expected].map((more) => canonical({ ...common, ...more }));
    const draft = { spec: 'state.md section 4', operation: 'join states', output: output ?? '' };
    const both = [
      ['', one, other],
      ['the other way round', other, one],
    ] as const;
    for (const [way, first = '', second = ''] of both)
      cases.positive(nameOf('join-states', description, way), {
        ...draft,
        description: way === '' ? description : `${description}; ${way}`,
        inputs: { a: first, b: second },
      });
  }
}
