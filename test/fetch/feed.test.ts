import test from 'ava';
import { systemRandom } from '../../src/crypto/random.ts';
import { createReadFeed, type FeedQuestion } from '../../src/fetch/feed.ts';
import { bucketOf } from '../../src/message/drops.ts';
import { openIntroduction, sealIntroduction } from '../../src/message/introduction.ts';
import type { Store } from '../../src/store/api/store.ts';
import { feedResponse, maxFeedResponse, type FeedResponse } from '../../src/wire/collect.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import type { TestClock } from '../support/clock.ts';
import { keyOf, makeUser, rejected, type TestUser } from '../support/identities.ts';
import { opened, random, start } from '../store/fixture.ts';
import { admit, alpha, ann, beta, bob, day, refTo } from './fixture.ts';

const carol = makeUser(beta, 'carol');
const dan = makeUser(beta, 'dan');
const zara = makeUser(alpha, 'zara');
const bits = 4;

function introduce(to: TestUser, k = bits, from = ann): Uint8Array {
  const addressing = keyOf(to.keys, 'addressing');
  return sealIntroduction({
    senderKey: keyOf(from.keys, 'addressing').publicKey,
    senderFingerprint: from.keys.identityFingerprint,
    senderLocal: 'ann',
    senderDomain: 'alpha.test',
    recipientKey: addressing.publicKey,
    recipientDomain: to.keys.domain,
    bucketField: bucketOf(addressing.publicKey, to.keys.domain, k).field,
    random: systemRandom,
  });
}

function bucketNumber(user: TestUser, k = bits): number {
  return bucketOf(keyOf(user.keys, 'addressing').publicKey, user.keys.domain, k).number;
}

function reader(store: Store, clock: TestClock, k = bits) {
  const read = createReadFeed({ feed: store.feed, bucketBits: async () => k, clock });
  return async (question: FeedQuestion = {}, domain = 'beta.test'): Promise<FeedResponse> => {
    const travelled = encode(feedResponse, await read(domain, question));
    return decode(feedResponse, travelled, maxFeedResponse);
  };
}

/** Admits an introduction each, and gives them. */
async function introduced(store: Store, introductions: readonly Uint8Array[], domain = 'beta.test') {
  const refs = introductions.map((introduction) => refTo(random(32), { introduction }));
  await admit(store, refs, { domain });
  return introductions;
}

const introductionsOf = ({ entries }: FeedResponse) => entries.map(({ introduction }) => introduction);

test('the feed gives introductions in the order in which they came', async (t) => {
  const { store, clock } = await opened(t);
  const read = reader(store, clock);
  const sent = await introduced(store, [introduce(bob), introduce(carol), introduce(dan)]);
  const { entries, next } = await read();
  t.deepEqual(
    entries,
    sent.map((introduction) => ({
      sender: 'alpha.test',
      introduction,
      firstSeen: start,
      expires: start + 7 * day,
    })),
  );
  t.truthy(next, 'where to go on later');
  const addressing = keyOf(bob.keys, 'addressing');
  const domains = { senderDomain: entries[0]!.sender, recipientDomain: 'beta.test' };
  t.is(openIntroduction(entries[0]!.introduction, addressing, domains).senderAddress, 'ann@alpha.test');
});

test('a bucket holds the introductions of its recipients, and buckets together hold all', async (t) => {
  const { store, clock } = await opened(t);
  const read = reader(store, clock);
  const users = [bob, carol, dan];
  const sent = await introduced(
    store,
    users.map((user) => introduce(user)),
  );
  for (const [i, user] of users.entries()) {
    const got = introductionsOf(await read({ bucket: bucketNumber(user) }));
    const expected = sent.filter((_, j) => bucketNumber(users[j]!) === bucketNumber(user));
    t.deepEqual(got, expected);
    t.true(got.some((one) => Buffer.from(one).equals(sent[i]!)));
  }
  const all = await Promise.all(Array.from({ length: 2 ** bits }, (_, bucket) => read({ bucket })));
  t.is(all.flatMap(introductionsOf).length, sent.length);
  t.true(new Set(users.map((user) => bucketNumber(user))).size > 1, 'the users are in different buckets');
});

test('a domain without buckets has all in one', async (t) => {
  const { store, clock } = await opened(t);
  const read = reader(store, clock, 0);
  const sent = await introduced(store, [introduce(bob, 0), introduce(carol, 0)]);
  t.deepEqual(introductionsOf(await read()), sent);
  t.deepEqual(introductionsOf(await read({ bucket: 0 })), sent);
  t.is(await rejected(read({ bucket: 1 })), 'request_invalid');
});

test('a bucket that the domain does not have is refused', async (t) => {
  const { store, clock } = await opened(t);
  for (const k of [0, 1, 4, 12]) {
    const read = reader(store, clock, k);
    t.is(await rejected(read({ bucket: 2 ** k })), 'request_invalid');
    t.is(await rejected(read({ bucket: 2 ** k - 1 })), 'no error');
  }
});

test('who goes on behind a place gets what is new, once', async (t) => {
  const { store, clock } = await opened(t);
  const read = reader(store, clock);
  const first = await introduced(store, [introduce(bob), introduce(carol)]);
  const one = await read();
  t.deepEqual(introductionsOf(one), first);
  const empty = await read({ after: one.next });
  t.deepEqual(empty, { entries: [] }, 'no place: the client keeps what it had');
  const second = await introduced(store, [introduce(dan)]);
  t.deepEqual(introductionsOf(await read({ after: one.next })), second);
});

test('a place moves on past entries of other buckets', async (t) => {
  const { store, clock } = await opened(t);
  const read = reader(store, clock);
  const foreign = [bob, carol, dan].find((user) => bucketNumber(user) !== bucketNumber(bob))!;
  await introduced(store, [introduce(foreign), introduce(foreign)]);
  const { entries, next } = await read({ bucket: bucketNumber(bob) });
  t.is(entries.length, 0);
  t.truthy(next);
  const mine = await introduced(store, [introduce(bob)]);
  t.deepEqual(introductionsOf(await read({ bucket: bucketNumber(bob), after: next })), mine);
});

test('a long feed comes in pages that lose and double nothing, each small enough for a client', async (t) => {
  const { store, clock } = await opened(t);
  const read = reader(store, clock);
  const sent = await introduced(
    store,
    Array.from({ length: 600 }, () => random(178).fill(0, 0, 2)),
  );
  const got: Uint8Array[] = [];
  let page = await read();
  while (page.entries.length > 0) {
    got.push(...introductionsOf(page));
    page = await read({ after: page.next });
  }
  t.deepEqual(got, sent);
});

test('a place that is none is refused', async (t) => {
  const { store, clock } = await opened(t);
  const read = reader(store, clock);
  await introduced(store, [introduce(bob)]);
  for (const length of [1, 5, 7, 64])
    t.is(await rejected(read({ after: random(length) })), 'request_invalid');
});

test('the feed of another domain is not to be seen, with no bucket and no place', async (t) => {
  const { store, clock } = await opened(t);
  const read = reader(store, clock);
  const [alphas, betas] = [introduce(zara), introduce(bob)];
  await introduced(store, [alphas], 'alpha.test');
  await introduced(store, [betas], 'beta.test');
  t.deepEqual(introductionsOf(await read({}, 'alpha.test')), [alphas]);
  t.deepEqual(introductionsOf(await read({}, 'beta.test')), [betas]);
  t.deepEqual(introductionsOf(await read({ after: new Uint8Array(6) }, 'beta.test')), [betas]);
  t.deepEqual(await read({ after: new Uint8Array(6).fill(255) }, 'alpha.test'), { entries: [] });
  t.deepEqual(await read({}, 'gamma.test'), { entries: [] });
});

test('entries go when they expire, before and after the upkeep', async (t) => {
  const { store, clock } = await opened(t);
  const read = reader(store, clock);
  await introduced(store, [introduce(bob)]);
  clock.advance(7 * day);
  t.is((await read()).entries.length, 0);
  await store.feed.expire(clock.seconds(), 10);
  t.deepEqual(await read(), { entries: [] });
});

test('an introduction that comes retracted, or again, adds no entry', async (t) => {
  const { store, clock } = await opened(t);
  const read = reader(store, clock);
  const ref = refTo(random(32), { introduction: introduce(bob) });
  await admit(store, [refTo(random(32), { introduction: introduce(bob), retraction: true })]);
  t.is((await read()).entries.length, 0);
  await admit(store, [ref]);
  await admit(store, [ref]);
  t.is((await read()).entries.length, 1);
});
