/** Preferences for drops, wire-spec/fetch.md section 9: who may set them, what is repeated, what they cost. */
import test, { type ExecutionContext } from 'ava';
import { createSetPreferences } from '../../src/fetch/preferences.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import type { DropOwner } from '../../src/message/drops.ts';
import { provePoll, provePreference, type PollOccasion } from '../../src/message/poll-proof.ts';
import type { RateLimit } from '../../src/rate.ts';
import {
  maxPreferencesRequest,
  preferencesRequest,
  type PreferenceEntry,
} from '../../src/wire/preferences.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import { opened, random, start } from '../store/fixture.ts';
import { flipped, keyOf, rejected } from '../support/identities.ts';
import { beta, day, freshDrop, occasion, refTo } from './fixture.ts';

const ignore = 1;
const whenAsked = 0;

function wish(
  owner: DropOwner,
  at: PollOccasion,
  changes: Partial<Omit<PreferenceEntry, 'pollKey' | 'proof'>> = {},
): PreferenceEntry {
  const asked = { counter: start, preference: ignore, until: start + day, ...changes };
  return provePreference(owner, keyOf(beta.keys, 'poll').publicKey, at, asked);
}

async function domain(t: ExecutionContext, rate?: RateLimit) {
  const { store, clock } = await opened(t);
  const keyRing = createKeyRing();
  keyRing.set(beta.keys);
  const set = createSetPreferences({
    pollKey: (of, id) => keyRing.pollKey(of, id, clock.seconds()),
    preferences: store.preferences,
    ...(rate === undefined ? {} : { rate }),
    clock,
  });
  const send = async (
    entries: readonly PreferenceEntry[],
    { time, nonce, keyId }: PollOccasion,
    source = '192.0.2.1',
  ): Promise<void> => {
    const bytes = encode(preferencesRequest, { time, nonce, keyId, entries });
    await set('beta.test', decode(preferencesRequest, bytes, maxPreferencesRequest), source);
  };
  return {
    store,
    clock,
    send,
    /** Signed now. */
    async wish(owner: DropOwner, changes: Parameters<typeof wish>[2] = {}): Promise<void> {
      const at = occasion({ time: clock.seconds() });
      await send([wish(owner, at, changes)], at);
    },
    /** Whether refs for this hash are dropped. */
    ignores: async (hash: Uint8Array, of = 'beta.test'): Promise<boolean> =>
      (await store.preferences.wanted(of, [refTo(hash)], clock.seconds())).length === 0,
  };
}

test('refs for a drop are ignored from its owner’s word on, until it says otherwise or the end', async (t) => {
  const beta = await domain(t);
  const [mine, other] = [freshDrop(), freshDrop()];
  t.false(await beta.ignores(mine.hash));
  await beta.wish(mine.owner);
  t.true(await beta.ignores(mine.hash));
  t.false(await beta.ignores(other.hash));
  t.false(await beta.ignores(mine.hash, 'gamma.test'), 'the same hash at another domain');
  await beta.wish(mine.owner, { counter: start + 1, preference: whenAsked });
  t.false(await beta.ignores(mine.hash));
  await beta.wish(mine.owner, { counter: start + 2, until: start + 5000 });
  beta.clock.advance(4999);
  t.true(await beta.ignores(mine.hash));
  beta.clock.advance(1);
  t.false(await beta.ignores(mine.hash));
});

test('what is repeated, or older, changes nothing as long as it could be taken for new', async (t) => {
  const beta = await domain(t);
  const { owner, hash } = freshDrop();
  const at = occasion({ time: start + 3600 });
  const first = [wish(owner, at)];
  await beta.send(first, at);
  await beta.wish(owner, { counter: start + 1, preference: whenAsked });
  await beta.send(first, at);
  t.false(await beta.ignores(hash), 'a repetition');
  await beta.wish(owner, { counter: start + 1 });
  t.false(await beta.ignores(hash), 'another wish under the same counter');
  await beta.wish(owner, { counter: start });
  t.false(await beta.ignores(hash), 'an older one');
  for (const later of [3599, 3600, 1]) {
    beta.clock.advance(later);
    await beta.store.preferences.expire(beta.clock.seconds(), 100);
    await beta.send(first, at).catch((error: unknown) => t.like(error, { code: 'proof_stale' }));
    t.false(await beta.ignores(hash), `after ${later} seconds more`);
  }
  beta.clock.advance(1);
  t.is(await rejected(beta.send(first, at)), 'proof_stale');
});

test('what is not proven, or unknown, changes nothing and is answered like what is', async (t) => {
  const domainOf = await domain(t);
  const { owner, hash } = freshDrop();
  const at = occasion();
  const good = wish(owner, at);
  const thief: DropOwner = { ...freshDrop().owner, pollKey: owner.pollKey };
  const asPoll = provePoll(owner, keyOf(beta.keys, 'poll').publicKey, at);
  const entries: Readonly<Record<string, PreferenceEntry>> = {
    'a bad proof': { ...good, proof: flipped(good.proof) },
    'the proof of a poll': { ...good, proof: asPoll.proof },
    'the poll key zero': { ...good, pollKey: new Uint8Array(32) },
    'the drop of somebody else': wish(thief, at),
    'another counter': { ...good, counter: start + 1 },
    'another end': { ...good, until: start + 2 * day },
    'for another request': { ...good, proof: wish(owner, occasion()).proof },
    'for another domain': wish(owner, { ...at, domain: 'alpha.test' }),
    'a preference that nobody knows': wish(owner, at, { preference: 7 }),
  };
  for (const [what, entry] of Object.entries(entries)) {
    t.is(await rejected(domainOf.send([entry], at)), 'no error', what);
    t.false(await domainOf.ignores(hash), what);
  }
  await domainOf.send([good], at);
  t.true(await domainOf.ignores(hash));
});

test('a request is refused as a whole when it is stale, names a drop twice, or another domain’s key', async (t) => {
  const beta = await domain(t);
  const { owner, hash } = freshDrop();
  for (const time of [start - 3601, start + 3601]) {
    const at = occasion({ time });
    t.is(await rejected(beta.send([wish(owner, at)], at)), 'proof_stale');
  }
  const at = occasion();
  t.is(await rejected(beta.send([wish(owner, at), wish(owner, at)], at)), 'request_invalid');
  const foreign = occasion({ keyId: random(8) });
  t.is(await rejected(beta.send([wish(owner, foreign)], foreign)), 'key_unknown');
  t.false(await beta.ignores(hash));
});

test('nothing is ignored for longer than 90 days, and upkeep forgets it then', async (t) => {
  const beta = await domain(t);
  const { owner, hash } = freshDrop();
  await beta.wish(owner, { until: start + 1000 * day });
  beta.clock.advance(90 * day - 1);
  t.true(await beta.ignores(hash));
  t.is(await beta.store.preferences.expire(beta.clock.seconds(), 100), 0);
  beta.clock.advance(1);
  t.false(await beta.ignores(hash));
  t.is(await beta.store.preferences.expire(beta.clock.seconds(), 100), 1);
});

test('one network sets so many and no more; another is not held up', async (t) => {
  const beta = await domain(t, { perSecond: 1, burst: 2 });
  const at = occasion();
  const two = () => [wish(freshDrop().owner, at), wish(freshDrop().owner, at)];
  await beta.send(two(), at);
  t.is(await rejected(beta.send(two(), at, '192.0.2.99')), 'rate_limited');
  t.is(await rejected(beta.send(two(), at, '198.51.100.1')), 'no error');
});
