import test from 'ava';
import fc from 'fast-check';
import { correspondentOf } from '../../src/client/correspondent.ts';
import { endOf } from '../../src/client/received-life.ts';
import { times } from '../../src/wire/registry.ts';
import { isUnderWay, letterKey, receivedKey, reduce, unopenedKept } from '../../src/client/reduce.ts';
import { formatState, parseState } from '../../src/client/state-json.ts';
import type { ClientEvent, ClientState, Received } from '../../src/client/state.ts';
import { now } from '../support/identities.ts';
import { about, anyEvent, empty, id32, key, message, time } from './events.ts';

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
      for (const drop of Object.values(next.drops))
        t.true(drop.kind === 'introduced' || drop.n < next.nextDrop);
    }),
  );
  t.pass();
});

test('time forgets drops with their seeds, and ends what waits', (t) => {
  fc.assert(
    fc.property(history, time, (events, at) => {
      const next = reduce(after(events), { type: 'time-passed', now: at });
      for (const drop of Object.values(next.drops)) {
        const isPulled = next.contacts[correspondentOf(drop) ?? '']?.pull?.on === true;
        t.true(drop.notAfter + (isPulled ? times.dropMax : 0) > at);
      }
      t.true(all(next).every((entry) => !isUnderWay(entry) || endOf(entry) > at));
      for (const { opened, ...entry } of all(next))
        if (endOf(entry) <= at) {
          t.is(opened?.contentKey, undefined);
          t.is(opened?.acceptToken, undefined);
        }
      t.true(all(next).every((entry) => entry.opened !== undefined || endOf(entry) + unopenedKept > at));
      t.true(Object.keys(next.done).every((drop) => drop in next.drops));
    }),
  );
  t.pass();
});

const seenRef = {
  id: id32(1),
  pollKey: id32(100),
  senderDomain: 'beta.test',
  expires: now + 10,
  firstSeen: now,
  sizeClass: 13,
};

test('a copy at the own domain lasts longer than the message: what was taken for lost waits anew', (t) => {
  const key = receivedKey(seenRef);
  const seen = { type: 'ref-seen', ref: seenRef } as const;
  const copied = { type: 'ref-seen', ref: { ...seenRef, blind: now + 100 } } as const;
  const at = (time: number) => ({ type: 'time-passed', now: time }) as const;
  const statusAfter = (...events: ClientEvent[]) => after(events).received[key]?.status;
  t.is(statusAfter(seen, at(now + 10)), 'expired');
  t.is(statusAfter(seen, copied, at(now + 99)), 'waiting');
  t.is(statusAfter(seen, copied, at(now + 100)), 'expired');
  t.is(statusAfter(seen, at(now + 10), copied), 'waiting');
  const again = after([seen, copied, at(now + 100), copied]);
  t.is(again.received[key]?.status, 'expired', 'the same copy brings nothing back twice');
  const elsewhere = { ...copied, ref: { ...copied.ref, senderDomain: 'gamma.test' } };
  t.is(statusAfter(seen, at(now + 10), elsewhere), 'expired', 'announced by another domain');
  t.is(statusAfter(seen, { type: 'ended', key, status: 'ignored' }, copied), 'ignored');
});

test('a drop whose messages are pulled is remembered for 90 days longer', (t) => {
  const drop = {
    kind: 'handed',
    epoch: id32(9).slice(0, 22),
    n: 0,
    seed: id32(8),
    correspondent: 'x@beta.test',
    created: now,
    notAfter: now + 10,
    used: false,
  } as const;
  const made: ClientEvent = { type: 'drop-made', pollKey: id32(100), drop };
  const pulled: ClientEvent = { type: 'sender-pulled', address: 'x@beta.test', on: true, at: now };
  const dropsAt = (events: ClientEvent[], time: number) =>
    Object.keys(after([...events, { type: 'time-passed', now: time }]).drops).length;
  t.is(dropsAt([made], now + 10), 0);
  t.is(dropsAt([made, pulled], now + 9 + times.dropMax), 1);
  t.is(dropsAt([made, pulled], now + 10 + times.dropMax), 0);
  t.is(dropsAt([made, pulled, { ...pulled, on: false, at: now + 1 }], now + 10), 0);
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
