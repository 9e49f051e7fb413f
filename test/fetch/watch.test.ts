import test, { type ExecutionContext } from 'ava';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { BeckonError } from '../../src/errors.ts';
import { createAsk } from '../../src/fetch/ask.ts';
import { createReadFeed, type FeedQuestion } from '../../src/fetch/feed.ts';
import { createWatches, type WatchLimits, type WatchSink } from '../../src/fetch/watch.ts';
import type { DomainKeys } from '../../src/keys/domain-keys.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { recipientHash } from '../../src/message/drops.ts';
import type { PollOccasion } from '../../src/message/poll-proof.ts';
import type { FeedResponse, PollEntry, WatchEvent } from '../../src/wire/collect.ts';
import { opened, random, start } from '../store/fixture.ts';
import { flipped, keyOf, rejected, thrown } from '../support/identities.ts';
import { admit, beta, freshDrop, occasion, poller, prove, refTo, type TestDrop } from './fixture.ts';

/** A reader that takes everything, or, while `behind`, nothing. */
function reader<Event = WatchEvent>() {
  const events: (Event | 'ping')[] = [];
  const heard = { events, ended: '', behind: 0, onDrain: () => {} };
  const sink: WatchSink<Event> = {
    send: (event) => {
      events.push(event ?? 'ping');
      return heard.behind === 0;
    },
    waiting: () => heard.behind,
    drained: () => new Promise((resolve) => (heard.onDrain = resolve)),
    end: () => void (heard.ended = 'end'),
    cut: () => void (heard.ended = 'cut'),
  };
  return { heard, sink };
}

interface Options {
  readonly limits?: WatchLimits;
  readonly pingMs?: number;
}

async function watching(t: ExecutionContext, options: Options = {}) {
  const { store, clock } = await opened(t);
  const keyRing = createKeyRing();
  keyRing.set(beta.keys);
  const pollKey = (domain: string, id: Uint8Array) => keyRing.pollKey(domain, id, clock.seconds());
  const unlimited = { perSecond: 1e6, burst: 1e6 };
  const ask = createAsk({ pollKey, pending: store.pending, rate: unlimited, clock });
  const watches = createWatches({
    ask,
    readFeed: createReadFeed({ feed: store.feed, bucketBits: async () => 4, clock }),
    feed: store.feed,
    pollKey,
    pending: store.pending,
    random,
    clock,
    feedDelayMs: 1,
    ...options,
  });
  t.teardown(() => watches.close());

  async function open(entries: readonly PollEntry[], at: PollOccasion, source = '192.0.2.1') {
    const { heard, sink } = reader();
    const { time, nonce, keyId } = at;
    const stop = watches.open('beta.test', { time, nonce, keyId, entries }, source)(sink);
    while (heard.events.length < entries.length && heard.ended === '') await setImmediate();
    return { heard, stop };
  }
  return {
    store,
    clock,
    keyRing,
    watches,
    open,
    /** Drops, as their owner watches them. */
    async watch(drops: readonly TestDrop[], source?: string) {
      const at = occasion({ time: clock.seconds() });
      return await open(
        drops.map(({ owner }) => prove(owner, at)),
        at,
        source,
      );
    },
  };
}

const told = async (): Promise<void> => {
  await setImmediate();
  await setImmediate();
};
const nothing = { refs: [] };

test('a watch begins with what waits, entry by entry, and goes on with what comes', async (t) => {
  const { store, watch } = await watching(t);
  const [one, two] = [freshDrop(), freshDrop()];
  const [first, second, other] = [refTo(one.hash), refTo(two.hash), refTo(freshDrop().hash)];
  await admit(store, [first]);
  const { heard } = await watch([one, two]);
  const shown = (ref: typeof first) => ({
    id: ref.messageId,
    sender: 'alpha.test',
    expires: ref.expires,
    firstSeen: start,
    sizeClass: 12,
  });
  t.deepEqual(heard.events.splice(0), [
    { entry: 0, answer: { refs: [shown(first)] } },
    { entry: 1, answer: nothing },
  ]);
  await admit(store, [second, other, first]);
  await told();
  t.deepEqual(heard.events.splice(0), [{ entry: 1, answer: { refs: [shown(second)] } }]);
  await admit(store, [{ ...first, labels: { retraction: true } }]);
  await told();
  t.deepEqual(heard.events, [
    { entry: 0, answer: { refs: [{ ...shown(first), labels: { retraction: true } }] } },
  ]);
});

test('no ref falls between what waits and what comes, however the two meet', async (t) => {
  const { store, clock, open } = await watching(t);
  const drops = Array.from({ length: 64 }, () => freshDrop());
  const refs = drops.map(({ hash }) => refTo(hash));
  const at = occasion({ time: clock.seconds() });
  const admitted = (async () => {
    for (const ref of refs) await admit(store, [ref]);
  })();
  const { heard } = await open(
    drops.map(({ owner }) => prove(owner, at)),
    at,
  );
  await admitted;
  await told();
  const seen = new Set(
    heard.events.flatMap((event) =>
      event === 'ping'
        ? []
        : event.answer.refs.map((ref) => `${event.entry} ${Buffer.from(ref.id).toString('hex')}`),
    ),
  );
  t.deepEqual(
    [...seen].sort(),
    refs.map(({ messageId }, i) => `${i} ${Buffer.from(messageId).toString('hex')}`).sort(),
  );
});

test('what is not proven is told like an empty drop, and then nothing, whatever comes', async (t) => {
  const { store, open } = await watching(t);
  const drop = freshDrop();
  const ref = refTo(drop.hash);
  await admit(store, [ref]);
  const at = occasion();
  const proven = prove(drop.owner, at);
  const small = { ...proven, pollKey: new Uint8Array(32) };
  for (const entry of [{ ...proven, proof: flipped(proven.proof) }, small]) {
    const { heard } = await open([entry], at);
    t.deepEqual(heard.events.splice(0), [{ entry: 0, answer: nothing }]);
    await admit(store, [refTo(drop.hash), refTo(recipientHash(entry.pollKey, 'beta.test'))]);
    await told();
    t.deepEqual(heard.events, []);
    t.is(heard.ended, '', 'it goes on like any other');
  }
});

test('a bad proof does away with nothing, a good one before the first answer', async (t) => {
  const { store, clock, open } = await watching(t);
  const drop = freshDrop();
  const ref = refTo(drop.hash);
  await admit(store, [ref]);
  const at = occasion();
  const done = [[ref.messageId, 0]] as const;
  const proven = prove(drop.owner, at, { done });
  await open([{ ...proven, proof: flipped(proven.proof) }], at);
  const { ask } = poller(store, clock);
  t.is((await ask(drop.owner)).refs.length, 1);
  const { heard } = await open([proven], at);
  t.deepEqual(heard.events, [{ entry: 0, answer: nothing }]);
  t.is((await ask(drop.owner)).refs.length, 0);
});

test('what makes a poll an error makes a watch the same error, and takes no room', async (t) => {
  const { open, watches } = await watching(t);
  const drop = freshDrop();
  const refused = async (at: PollOccasion, entries = [prove(drop.owner, at)]) =>
    await rejected(open(entries, at));
  t.is(await refused(occasion({ time: start - 3601 })), 'proof_stale');
  t.is(await refused(occasion({ time: start + 3601 })), 'proof_stale');
  t.is(await refused(occasion({ keyId: new Uint8Array(8) })), 'key_unknown');
  const at = occasion();
  t.is(await refused(at, [prove(drop.owner, at), prove(drop.owner, at)]), 'request_invalid');
  t.is(watches.count(), 0);
  const { heard } = await open([prove(drop.owner, at, { after: new Uint8Array(31) })], at);
  t.is(heard.ended, 'cut', 'a place that is none shows when it is looked up');
  t.is(watches.count(), 0);
});

test('a watch ends an hour after its request, or its beginning where the client’s clock is ahead', async (t) => {
  const { clock, open, watches } = await watching(t);
  const watchOf = async (time: number) => {
    const at = occasion({ time });
    return await open([prove(freshDrop().owner, at)], at);
  };
  const [behind, exact, ahead] = [
    await watchOf(start - 1800),
    await watchOf(start),
    await watchOf(start + 3600),
  ];
  const states = () => [behind, exact, ahead].map(({ heard }) => heard.ended);
  clock.advance(1799);
  watches.review();
  t.deepEqual(states(), ['', '', '']);
  clock.advance(1);
  watches.review();
  t.deepEqual(states(), ['end', '', '']);
  clock.advance(1800);
  watches.review();
  t.deepEqual(states(), ['end', 'end', 'end']);
  t.is(watches.count(), 0);
});

test('a revoked poll key ends the watches under it, at once or with the next ping', async (t) => {
  const { keyRing, watch, watches } = await watching(t, { pingMs: 5 });
  const key = keyOf(beta.keys, 'poll');
  const { heard } = await watch([freshDrop()]);
  const revoked = { id: key.id, use: 'poll', revokedAt: start, notAfter: start + 86_400 };
  keyRing.set({
    ...beta.keys,
    keys: beta.keys.keys.filter(({ use }) => use !== 'poll'),
    revoked: [revoked as unknown as DomainKeys['revoked'][number]],
  });
  while (heard.ended === '') await sleep(1);
  t.is(heard.ended, 'end');
  t.is(watches.count(), 0);
});

test('pings come, and a reader who takes nothing between two of them is cut off', async (t) => {
  const { watch, watches } = await watching(t, { pingMs: 5 });
  const [good, slow] = [await watch([freshDrop()]), await watch([freshDrop()])];
  slow.heard.behind = 1;
  while (slow.heard.ended === '') await sleep(1);
  t.is(slow.heard.ended, 'cut');
  t.true(good.heard.events.filter((event) => event === 'ping').length >= 2);
  t.is(good.heard.ended, '');
  t.is(watches.count(), 1);
});

test('a reader who leaves too much is cut off, and finds it waiting when it asks again', async (t) => {
  const { store, watch } = await watching(t);
  const drop = freshDrop();
  const first = await watch([drop]);
  first.heard.behind = 1024 * 1024;
  await admit(store, [refTo(drop.hash)]);
  await told();
  t.is(first.heard.ended, 'cut');
  const { heard } = await watch([drop]);
  t.like(heard.events[0], { entry: 0 });
  t.is((heard.events[0] as WatchEvent).answer.refs.length, 1);
});

test('a slow reader gets the answers of the beginning one by one', async (t) => {
  const { watches, clock } = await watching(t);
  const { heard, sink } = reader();
  heard.behind = 1;
  const at = occasion({ time: clock.seconds() });
  const entries = [freshDrop(), freshDrop()].map(({ owner }) => prove(owner, at));
  const { time, nonce, keyId } = at;
  watches.open('beta.test', { time, nonce, keyId, entries }, '192.0.2.1')(sink);
  while (heard.events.length === 0) await setImmediate();
  await sleep(20);
  t.is(heard.events.length, 1);
  heard.behind = 0;
  heard.onDrain();
  while (heard.events.length < 2) await setImmediate();
  t.deepEqual(heard.events[1], { entry: 1, answer: nothing });
});

test('so many watches and drops at a time, of one network and of all; what ends makes room', async (t) => {
  const limits = { watches: 3, watchesOfNetwork: 2, drops: 70, dropsOfNetwork: 66 };
  const { watch, watches } = await watching(t, { limits });
  const many = Array.from({ length: 64 }, () => freshDrop());
  const first = await watch([freshDrop()]);
  t.is(
    await rejected(
      watch([...many.slice(1), freshDrop()]).then(() => watch([freshDrop(), freshDrop(), freshDrop()])),
    ),
    'rate_limited',
  );
  t.is(await rejected(watch([freshDrop()], '192.0.2.200')), 'rate_limited', 'the same network');
  t.is(await rejected(watch(many, '198.51.100.1')), 'unavailable', 'drops of all');
  const other = await watch([freshDrop()], '198.51.100.1');
  t.is(await rejected(watch([freshDrop()], '203.0.113.1')), 'unavailable', 'watches of all');
  first.stop();
  first.stop();
  t.is(watches.count(), 2);
  await t.notThrowsAsync(watch([freshDrop()]));
  other.stop();
  t.is(watches.count(), 2);
});

test('closing ends all in order, and none begins any more', async (t) => {
  const { store, watch, watches } = await watching(t);
  const drop = freshDrop();
  const all = [await watch([drop]), await watch([freshDrop()])];
  watches.close();
  t.deepEqual(
    all.map(({ heard }) => heard.ended),
    ['end', 'end'],
  );
  t.is(watches.count(), 0);
  t.is(await rejected(watch([freshDrop()])), 'unavailable');
  const before = all[0]?.heard.events.length;
  await admit(store, [refTo(drop.hash)]);
  await told();
  t.is(all[0]?.heard.events.length, before);
});

/** Who reads a feed, until they do not speak for the user any more. */
function feedReaders({ watches }: Awaited<ReturnType<typeof watching>>) {
  const removed = new Set<number>();
  const still = (user: number) => async () => {
    if (removed.has(user)) throw new BeckonError('unauthorized', 'removed');
  };
  return {
    removed,
    begin(user: number, question: FeedQuestion = {}, source = '192.0.2.1') {
      const { heard, sink } = reader<FeedResponse>();
      const from = { user: new Uint8Array(32).fill(user), still: still(user) };
      const stop = watches.openFeed('beta.test', from, question, source)(sink);
      return { heard, stop };
    },
  };
}

/** An introduction to somebody in a bucket of 16. */
const toBucket = (bucket: number): Uint8Array => random(178).fill(bucket, 0, 1).fill(0, 1, 2);
const introduced = (bucket = 0) => refTo(random(32), { introduction: toBucket(bucket) });
const entriesOf = (events: readonly (FeedResponse | 'ping')[]) =>
  events.flatMap((event) => (event === 'ping' ? [] : event.entries));

test('a watch of the feed begins with what is behind its place, and goes on with what comes in its bucket', async (t) => {
  const all = await watching(t);
  const { store } = all;
  const { begin } = feedReaders(all);
  await admit(store, [introduced(3), introduced(5)]);
  const [whole, bucket] = [begin(1), begin(1, { bucket: 3 })];
  while (whole.heard.events.length === 0 || bucket.heard.events.length === 0) await setImmediate();
  t.is(entriesOf(whole.heard.events).length, 2);
  t.is(entriesOf(bucket.heard.events).length, 1);
  const [first] = whole.heard.events as FeedResponse[];
  const behind = begin(2, { after: first?.next });
  while (behind.heard.events.length === 0) await setImmediate();
  t.deepEqual(behind.heard.events, [{ entries: [] }], 'that says that the watch stands');
  await admit(store, [refTo(random(32)), introduced(5), introduced(3)]);
  while (entriesOf(whole.heard.events).length < 4 || entriesOf(behind.heard.events).length < 2)
    await sleep(1);
  while (entriesOf(bucket.heard.events).length < 2) await sleep(1);
  await admit(store, [introduced(5)]);
  while (entriesOf(whole.heard.events).length < 5) await sleep(1);
  t.is(entriesOf(bucket.heard.events).length, 2, 'what is for others does not come');
});

test('whoever does not speak for a user any more is told nothing new, and their watch of the feed ends', async (t) => {
  const all = await watching(t);
  const { begin, removed } = feedReaders(all);
  const [gone, there] = [begin(1), begin(2)];
  while (gone.heard.events.length + there.heard.events.length < 2) await setImmediate();
  removed.add(1);
  await admit(all.store, [introduced()]);
  while (gone.heard.ended === '' || entriesOf(there.heard.events).length === 0) await sleep(1);
  t.is(gone.heard.ended, 'end');
  t.deepEqual(entriesOf(gone.heard.events), []);
  t.is(there.heard.ended, '');
  removed.add(2);
  all.watches.review();
  while (there.heard.ended === '') await setImmediate();
  t.is(all.watches.count(), 0);
});

test('watches of the feed count as others do, of one user too; they end with their hour and the daemon', async (t) => {
  const all = await watching(t, {
    limits: { watches: 34, watchesOfNetwork: 33, drops: 99, dropsOfNetwork: 99 },
  });
  const { begin } = feedReaders(all);
  const many = Array.from({ length: 32 }, () => begin(1));
  t.is(
    thrown(() => begin(1, {}, '203.0.113.1')),
    'rate_limited',
    'of one user',
  );
  begin(2);
  t.is(
    thrown(() => begin(2)),
    'rate_limited',
    'of one network',
  );
  begin(2, {}, '203.0.113.1');
  t.is(
    thrown(() => begin(3, {}, '198.51.100.1')),
    'unavailable',
  );
  many[0]?.stop();
  const last = begin(1);
  all.clock.advance(3600);
  all.watches.review();
  t.is(last.heard.ended, 'end');
  t.is(all.watches.count(), 0);
  const next = begin(1);
  all.watches.close();
  t.is(next.heard.ended, 'end');
  t.is(
    thrown(() => begin(1)),
    'unavailable',
  );
});

test('a place that is none, and a reader who takes nothing, end a watch of the feed', async (t) => {
  const all = await watching(t);
  const { begin } = feedReaders(all);
  const wrong = begin(1, { after: new Uint8Array(3) });
  while (wrong.heard.ended === '') await setImmediate();
  t.is(wrong.heard.ended, 'cut');
  const slow = begin(1);
  slow.heard.behind = 1024 * 1024;
  await admit(all.store, [introduced()]);
  while (slow.heard.ended === '') await sleep(1);
  t.is(slow.heard.ended, 'cut');
  t.is(all.watches.count(), 0);
});
