import test from 'ava';
import fc from 'fast-check';
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
