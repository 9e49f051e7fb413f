/** The feed where the domain has buckets: old and new addressing keys may fall into different ones. */
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { readFeed } from '../../src/client/feed.ts';
import { reduce } from '../../src/client/reduce.ts';
import type { ClientEvent, ClientState } from '../../src/client/state.ts';
import type { Session } from '../../src/client/store.ts';
import { createUserKeys, type UserKeys } from '../../src/keys/user-keys.ts';
import { rotateUserKeys } from '../../src/keys/user-life.ts';
import { bucketOf } from '../../src/message/drops.ts';
import { sealIntroduction } from '../../src/message/introduction.ts';
import type { FeedEntry } from '../../src/wire/collect.ts';
import { makeDomain, makeUser, now, seededRandom } from '../support/identities.ts';

const bits = 4;
const random = seededRandom('feed');
const ann = makeUser(makeDomain('alpha.test'), 'ann');
const ben = makeUser(makeDomain('beta.test'), 'ben');
const numberOf = (key: Uint8Array): number => bucketOf(key, 'beta.test', bits).number;

/** Keys that rotated once and lie in two buckets. */
function rotated(): UserKeys {
  for (;;) {
    const keys = rotateUserKeys(createUserKeys('beta.test', random, now), random, now + 1);
    const numbers = keys.keys
      .filter(({ use }) => use === 'addressing')
      .map(({ publicKey }) => numberOf(publicKey));
    if (new Set(numbers).size === 2) return keys;
  }
}

function introductionTo(recipientKey: Uint8Array): FeedEntry {
  const sender = ann.keys.keys.find(({ use }) => use === 'addressing');
  const introduction = sealIntroduction({
    senderKey: sender?.publicKey ?? new Uint8Array(),
    senderFingerprint: ann.keys.identityFingerprint,
    senderLocal: 'ann',
    senderDomain: 'alpha.test',
    recipientKey,
    recipientDomain: 'beta.test',
    bucketField: bucketOf(recipientKey, 'beta.test', bits).field,
    random,
  });
  return { sender: 'alpha.test', introduction, firstSeen: now, expires: now + 1000 };
}

/** A session that keeps what the feed tells it, and a feed that shows one bucket at a time. */
function reader(keys: UserKeys, entries: readonly FeedEntry[]) {
  let state = {
    address: ben.address,
    record: base64urlnopad.encode(ben.inner),
    drops: {},
  } as unknown as ClientState;
  const session = {
    keys: () => keys,
    state: () => state,
    commit: async (...events: readonly ClientEvent[]) => void (state = events.reduce(reduce, state)),
  } as unknown as Session;
  const asked: (readonly [number | undefined, number])[] = [];
  return {
    asked,
    drops: () => Object.keys(state.drops).length,
    read: (k: number) =>
      readFeed(
        session,
        {
          async feed({ bucket, after }) {
            const start = after?.[0] ?? 0;
            asked.push([bucket, start]);
            const seen = entries.filter(({ introduction: bytes }) => {
              const field = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
              return bucket === undefined || field >> (12 - k) === bucket;
            });
            const page = seen.slice(start, start + 1);
            return page.length === 0 ? { entries: page } : { entries: page, next: Uint8Array.of(start + 1) };
          },
        },
        k,
      ),
  };
}

test('with buckets the feed is read in that of each key, each from its own place', async (t) => {
  const keys = rotated();
  const [fresh, old] = keys.keys.filter(({ use }) => use === 'addressing').map(({ publicKey }) => publicKey);
  if (fresh === undefined || old === undefined) throw new Error('two addressing keys');
  const entries = [introductionTo(old), introductionTo(fresh)];
  const { asked, drops, read } = reader(keys, entries);
  await read(bits);
  t.is(drops(), 2);
  t.deepEqual(asked, [
    [numberOf(fresh), 0],
    [numberOf(fresh), 1],
    [numberOf(old), 0],
    [numberOf(old), 1],
  ]);
  entries.push(introductionTo(old));
  await read(bits);
  t.deepEqual(asked.slice(4), [
    [numberOf(fresh), 1],
    [numberOf(old), 1],
    [numberOf(old), 2],
  ]);
});

test('another k is another place; without buckets there is one', async (t) => {
  const keys = rotated();
  const [fresh] = keys.keys.filter(({ use }) => use === 'addressing').map(({ publicKey }) => publicKey);
  const { asked, drops, read } = reader(keys, [introductionTo(fresh ?? new Uint8Array())]);
  await read(0);
  await read(0);
  t.deepEqual(asked, [
    [undefined, 0],
    [undefined, 1],
    [undefined, 1],
  ]);
  t.is(drops(), 1);
  await read(bits);
  t.deepEqual(asked[3], [numberOf(fresh ?? new Uint8Array()), 0]);
  t.is(drops(), 1);
});
