/** States of several devices meet in any order, as often as they like, and nothing is lost or begins again. */
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import fc from 'fast-check';
import { contentOf, knowledgeOf, withContent } from '../../src/client/blob.ts';
import { canonicalJson, type Json } from '../../src/client/join-values.ts';
import { joinContents } from '../../src/client/join.ts';
import { shedToFit } from '../../src/client/shed.ts';
import { reduce } from '../../src/client/reduce.ts';
import { formatContent, formatState, parseContent, parseState } from '../../src/client/state-json.ts';
import type { ClientEvent, ClientState, StateContent } from '../../src/client/state.ts';
import { codeOf } from '../../src/errors.ts';
import { encode } from '../../src/wire/schema.ts';
import { userPin, type UserPin } from '../../src/directory/user-pins.ts';
import { rotateUserKeys } from '../../src/keys/user-life.ts';
import { userKeysFromJson, userKeysToJson } from '../../src/keys/user-key-file.ts';
import { signUserRecord } from '../../src/keys/user-record.ts';
import { now, seededRandom } from '../support/identities.ts';
import { ann, anyEvent, empty, id32 } from './events.ts';

const b64 = base64urlnopad.encode;

/** Pins that a client could have; other entries of the directory are no part of what is shared. */
const isPinEvent = (event: ClientEvent): boolean => event.type === 'directory-put';
const history = fc.array(
  anyEvent.filter((event) => !isPinEvent(event)),
  { maxLength: 25 },
);
const after = (events: readonly ClientEvent[], from = empty): ClientState => events.reduce(reduce, from);
const content = fc
  .tuple(history, fc.nat({ max: 9 }))
  .map(([events, revision]) => contentOf(after(events), revision));
const text = (value: StateContent): string => canonicalJson(value as unknown as Json);

const pinKey = 'user-pin:beta.test/x';
const pinOf = (identity: number, over: Partial<UserPin> = {}): UserPin => ({
  fingerprint: new Uint8Array(32).fill(identity),
  since: now,
  compared: false,
  serial: 1,
  created: now,
  mailAccepted: false,
  confirmed: 0,
  ...over,
});
const withPin = (pin: UserPin, state = empty): ClientState =>
  reduce(state, { type: 'directory-put', key: pinKey, value: b64(encode(userPin, pin)) });
const pinIn = (state: ClientState): string | undefined => state.directory[pinKey];

test('joining is idempotent, commutative and associative', (t) => {
  fc.assert(
    fc.property(content, content, content, (a, b, c) => {
      t.is(text(joinContents(a, a)), text(a));
      t.is(text(joinContents(a, b)), text(joinContents(b, a)));
      t.is(text(joinContents(joinContents(a, b), c)), text(joinContents(a, joinContents(b, c))));
    }),
    { numRuns: 300 },
  );
  t.pass();
});

/** What only ever adds: forgetting by time is every device's own, and is done again after each meeting; no letter id is sent twice. */
const adding = history.map((events) =>
  events.filter(
    ({ type }) =>
      !['time-passed', 'drop-made', 'card-made', 'introduction-found', 'drop-adopted', 'sent'].includes(type),
  ),
);

test('what devices did since they last met holds all that they knew then', (t) => {
  fc.assert(
    fc.property(history, adding, adding, (before, here, there) => {
      const common = after(before);
      const [a, b] = [after(here, common), after(there, common)];
      const joined = joinContents(contentOf(a, 1), contentOf(b, 2));
      t.is(
        text(joinContents(joined, contentOf(common, 0))),
        text(joined),
        'what both came from adds nothing',
      );
    }),
  );
  t.pass();
});

test('a device takes over a joined state as it is, and gives each new thing one number', (t) => {
  fc.assert(
    fc.property(history, content, (events, other) => {
      const own = after(events);
      const joined = joinContents(contentOf(own, 0), other);
      const next = withContent(own, joined);
      t.is(knowledgeOf(contentOf(next, 0)), knowledgeOf(joined));
      const numbers = [...Object.values(next.received), ...next.sent].map(({ number }) => number);
      t.is(new Set(numbers).size, numbers.length);
      for (const [key, { number }] of Object.entries(own.received)) t.is(next.received[key]?.number, number);
      t.true(numbers.every((number) => number < next.nextNumber));
      t.deepEqual(parseState(formatState(next)), next);
      t.deepEqual([next.epoch, next.nextDrop, next.done], [own.epoch, own.nextDrop, own.done]);
    }),
  );
  t.pass();
});

test('what ended on one device ends on all, and no key comes back', (t) => {
  fc.assert(
    fc.property(content, content, (a, b) => {
      const { received } = joinContents(a, b);
      for (const [key, { status, opened }] of Object.entries(received)) {
        for (const side of [a, b].map((each) => each.received[key])) {
          if (side === undefined || ['waiting', 'opened'].includes(side.status)) continue;
          t.false(['waiting', 'opened'].includes(status));
          t.is(opened?.contentKey, undefined);
          if (side.status === 'accepted' && side.opened?.acceptToken === undefined)
            t.is(opened?.acceptToken, undefined);
        }
      }
    }),
  );
  t.pass();
});

test('a content comes back from its bytes, with what a later version put into it', (t) => {
  const known = contentOf(empty, 3);
  t.deepEqual(parseContent(formatContent(known)), known);
  const later = {
    ...known,
    novelty: { deep: [1] },
    contacts: { 'bob@beta.test': { address: 'bob@beta.test', known: true, colour: 'green' } },
  };
  const read = parseContent(new TextEncoder().encode(JSON.stringify(later)));
  const state = withContent(empty, read);
  t.deepEqual(contentOf(parseState(formatState(state)), 3) as unknown, later);
  const other = { ...later, novelty: { deep: [2] } } as unknown as StateContent;
  t.is(text(joinContents(read, other)), text(joinContents(other, read)));
  t.like(joinContents(known, read), { novelty: { deep: [1] } });
});

test('damaged contents are refused', (t) => {
  const good = contentOf(empty, 3);
  for (const damage of [
    { format: 'beckon-state-2' },
    { revision: -1 },
    { master: 'AAAA' },
    { received: { [id32(1)]: {} } },
    { pins: { 'user-pin:x': { short: 'AA' } } },
    { userKeys: {} },
  ])
    t.throws(() => parseContent(new TextEncoder().encode(JSON.stringify({ ...good, ...damage }))), {
      code: 'state_invalid',
    });
  t.throws(() => parseContent(new Uint8Array([0xff])), { code: 'state_invalid' });
});

test('a content with any member replaced is one that joins, or is refused', (t) => {
  const good = withPin(pinOf(1, { confirmed: now }));
  const whole = new TextDecoder().decode(formatContent(contentOf(good, 3)));
  const replaced = fc.tuple(fc.nat({ max: 60 }), fc.jsonValue({ maxDepth: 2 })).map(([which, value]) => {
    let seen = 0;
    return JSON.stringify(JSON.parse(whole, (_name, member: unknown) => (seen++ === which ? value : member)));
  });
  fc.assert(
    fc.property(replaced, (spoilt) => {
      let read: StateContent;
      try {
        read = parseContent(new TextEncoder().encode(spoilt));
      } catch (error) {
        t.is(codeOf(error), 'state_invalid');
        return;
      }
      const joined = joinContents(contentOf(good, 0), read);
      t.is(text(joined), text(joinContents(read, contentOf(good, 0))));
      t.notThrows(() => parseState(formatState(withContent(good, joined))));
    }),
    { numRuns: 500 },
  );
});

test('a message that one device accepted and keeps is readable on the other', (t) => {
  const key = `${id32(100)} ${id32(1)}`;
  const ref = {
    id: id32(1),
    pollKey: id32(100),
    senderDomain: 'beta.test',
    expires: now,
    firstSeen: now,
    sizeClass: 13,
  };
  const letter = {
    sender: 'bob@beta.test',
    author: 'bob@beta.test',
    forwarded: false,
    letterId: b64(new Uint8Array(16)),
    parents: [],
    created: now,
    mediaType: 'text/plain',
    length: 1,
    plaintextHash: id32(3),
    payloadSize: 1,
    payloadHash: id32(4),
  };
  const base = contentOf(empty, 1);
  const secret = { contentKey: id32(5), acceptToken: id32(6) };
  const of = (one: object): StateContent => ({ ...base, received: { [key]: { ...ref, ...one } as never } });
  const opened = of({ status: 'opened', opened: { ...letter, ...secret } });
  const kept = of({ status: 'accepted', kept: 'kept', opened: { ...letter, contentKey: id32(5) } });
  const gone = of({ status: 'accepted', kept: 'gone', opened: letter });
  t.like(joinContents(opened, kept).received[key], { status: 'accepted', opened: { contentKey: id32(5) } });
  t.is(joinContents(opened, kept).received[key]?.opened?.acceptToken, undefined);
  t.is(joinContents(kept, gone).received[key]?.opened?.contentKey, undefined);
  t.like(joinContents(kept, gone).received[key], { kept: 'gone' });
});

test('of two rotations at once the later record counts, and keys that it does not list are retired', (t) => {
  const rotated = (name: string, serial: number): StateContent => {
    const keys = rotateUserKeys(userKeysFromJson(empty.userKeys), seededRandom(name), now);
    const record = signUserRecord({ keys, address: ann.address, serial, now });
    return contentOf(
      { ...empty, record: b64(record), userKeys: JSON.parse(JSON.stringify(userKeysToJson(keys))) },
      1,
    );
  };
  const [early, late] = [rotated('early', now + 1), rotated('late', now + 2)];
  const joined = joinContents(early, late);
  t.is(text(joined), text(joinContents(late, early)));
  t.is(joined.record, late.record);
  const active = (value: StateContent): string[] =>
    userKeysFromJson(value.userKeys)
      .keys.filter(({ status }) => status === 'active')
      .map(({ id }) => b64(id))
      .toSorted();
  t.deepEqual(active(joined), active(late));
  t.is(userKeysFromJson(joined.userKeys).keys.length, 6);
});

const meets = (state: ClientState, other: ClientState): ClientState =>
  reduce(state, {
    type: 'content-met',
    content: contentOf(other, 1),
    blob: { tag: '"x"', revision: 1, digest: id32(0) },
  });

const anyPin = fc
  .record({
    identity: fc.nat({ max: 2 }),
    since: fc.integer({ min: now, max: now + 3 }),
    compared: fc.boolean(),
    serial: fc.nat({ max: 3 }),
    confirmed: fc.constantFrom(0, now, now + 1),
    accepted: fc.constantFrom(undefined, now, now + 1),
    notices: fc.array(
      fc.record({ at: fc.constantFrom(now, now + 1), kind: fc.nat({ max: 3 }), seen: fc.boolean() }),
      {
        maxLength: 3,
      },
    ),
  })
  .map(({ identity, accepted, notices, ...pin }) =>
    contentOf(
      withPin(pinOf(identity, { ...pin, ...(accepted === undefined ? {} : { accepted }), history: notices })),
      1,
    ),
  );

test('pins join like the rest', (t) => {
  const joinable = anyPin.map((one) => joinContents(one, one));
  fc.assert(
    fc.property(joinable, joinable, joinable, (a, b, c) => {
      t.is(text(joinContents(a, a)), text(a));
      t.is(text(joinContents(a, b)), text(joinContents(b, a)));
      t.is(text(joinContents(joinContents(a, b), c)), text(joinContents(a, joinContents(b, c))));
    }),
  );
  t.pass();
});

test('pins of one identity become one: the longer known, compared where it was compared anywhere', (t) => {
  const here = withPin(pinOf(1, { since: now - 9, serial: 1 }));
  const there = withPin(pinOf(1, { compared: true, serial: 5, confirmed: now }));
  const expected = b64(
    encode(userPin, pinOf(1, { since: now - 9, compared: true, serial: 5, confirmed: now })),
  );
  t.is(pinIn(meets(here, there)), expected);
  t.is(pinIn(meets(there, here)), expected);
});

test('another identity that was seen elsewhere does not take the place of the pinned one: it is offered', (t) => {
  const [mine, theirs] = [
    pinOf(1, { confirmed: now }),
    pinOf(2, { confirmed: now, since: now - 99, compared: true }),
  ];
  const met = meets(withPin(mine), withPin(theirs));
  t.is(pinIn(met), b64(encode(userPin, { ...mine, offered: theirs.fingerprint })));
  t.is(Object.keys(met.rivals?.[pinKey] ?? {}).length, 1);
});

test('the word of the user on one device counts on the other, the later where there are two', (t) => {
  const mine = withPin(pinOf(1, { compared: true }));
  const theirs = withPin(pinOf(2, { accepted: now + 5 }));
  const accepted = pinIn(theirs);
  t.is(pinIn(meets(mine, theirs)), accepted);
  t.is(pinIn(meets(theirs, mine)), accepted);
  const again = withPin(pinOf(3, { accepted: now + 6 }));
  t.is(pinIn(meets(theirs, again)), pinIn(again));
  t.is(pinIn(meets(again, theirs)), pinIn(again));
});

test('a device without a pin begins with the one for which most speaks', (t) => {
  const weak = withPin(pinOf(1, { since: now - 99 }));
  const strong = withPin(pinOf(2, { compared: true }));
  t.is(pinIn(meets(meets(empty, weak), strong)), pinIn(strong), 'nothing speaks for the first yet');
  const two = { ...contentOf(weak, 1), pins: joinContents(contentOf(weak, 1), contentOf(strong, 1)).pins };
  const blob = { tag: '"x"', revision: 1, digest: id32(0) };
  t.is(pinIn(reduce(empty, { type: 'content-met', content: two, blob })), pinIn(strong));
});

const introduced = ({ drops }: StateContent): number =>
  Object.values(drops).filter(({ kind }) => kind === 'introduced').length;

test('what a blob has no room for is left out alike on devices that know the same, the kept last', (t) => {
  fc.assert(
    fc.property(content, fc.nat({ max: 4000 }), (known, less) => {
      const size = Buffer.byteLength(text(known));
      const fits = shedToFit(known, Math.max(0, size - less));
      t.true(
        Buffer.byteLength(text(fits)) <= size - less ||
          Object.keys(fits.received).length + introduced(fits) === 0,
      );
      t.is(text(shedToFit(fits, Math.max(0, size - less))), text(fits));
      t.is(text(shedToFit(joinContents(known, fits), Math.max(0, size - less))), text(fits));
      t.is(shedToFit(known, size), known);
    }),
    { numRuns: 200 },
  );
});
