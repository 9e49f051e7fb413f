/** What users have pulled: proofs of their own drops, and nothing of others'. */
import test, { type ExecutionContext } from 'ava';
import { createSetPulls, type PullRequest, type SetPullsParts } from '../../src/account/pulls.ts';
import type { AccountUser } from '../../src/account/user.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { provePull, type PollOccasion } from '../../src/message/poll-proof.ts';
import { maxPulls } from '../../src/store/api/pulls.ts';
import { pullEntry, type PullEntry } from '../../src/wire/blind.ts';
import { encode } from '../../src/wire/schema.ts';
import { times } from '../../src/wire/registry.ts';
import { admit, beta, freshDrop, occasion, refTo, type TestDrop } from '../fetch/fixture.ts';
import { filled, opened, random, start } from '../store/fixture.ts';
import { keyOf, rejected } from '../support/identities.ts';

const bob: AccountUser = {
  owner: { domain: 'beta.test', user: filled(2) },
  device: filled(5),
  kind: 'device',
};

async function home(t: ExecutionContext, changes: Partial<SetPullsParts> = {}) {
  const { store, clock } = await opened(t);
  const keyRing = createKeyRing();
  keyRing.set(beta.keys);
  const collected: number[] = [];
  const setPulls = createSetPulls({
    pulls: store.pulls,
    pollKey: (domain, id) => keyRing.pollKey(domain, id, clock.seconds()),
    pullsFor: async () => true,
    collect: async (_domain, hash) => void collected.push(hash[0] ?? 0),
    firstDue: () => start + 7,
    clock,
    ...changes,
  });
  const userOf = ({ hash }: TestDrop, now = start) => store.pulls.userOf('beta.test', hash, now);
  return { store, clock, setPulls, collected, userOf };
}

function prove(drop: TestDrop, wish: Partial<PullEntry>, at: PollOccasion): Uint8Array {
  const asked = { user: bob.owner.user, ...wish };
  return encode(pullEntry, provePull(drop.owner, keyOf(beta.keys, 'poll').publicKey, at, asked));
}

function request(
  wishes: readonly (readonly [TestDrop, Partial<PullEntry>])[],
  changes: Partial<PollOccasion> = {},
): PullRequest {
  const { domain: _, ...said } = occasion(changes);
  const at = { domain: 'beta.test', ...said };
  return { ...said, entries: wishes.map(([drop, wish]) => prove(drop, wish, at)) };
}

test('a drop is pulled for its owner until then, 90 days at most, and no more when that is taken back', async (t) => {
  const { setPulls, userOf, collected } = await home(t);
  const [one, two] = [freshDrop(), freshDrop()];
  const far = start + 2 * times.dropMax;
  t.deepEqual(
    await setPulls(
      bob,
      request([
        [one, { until: start + 100 }],
        [two, { until: far }],
      ]),
    ),
    ['set', 'set'],
  );
  t.deepEqual(userOf(one), bob.owner.user);
  t.is(userOf(one, start + 100), undefined);
  t.deepEqual(userOf(two, start + times.dropMax - 1), bob.owner.user);
  t.is(userOf(two, start + times.dropMax), undefined);
  t.is(collected.length, 2, 'what waits already is queued');
  t.deepEqual(await setPulls(bob, request([[one, { until: 0 }]])), ['set']);
  t.is(userOf(one), undefined);
  t.is(collected.length, 2);
});

test('a message is delegated where its ref waits, once', async (t) => {
  const { setPulls, store } = await home(t);
  const drop = freshDrop();
  const ref = refTo(drop.hash);
  await admit(store, [ref]);
  const named = (sender: string, id: Uint8Array): Partial<PullEntry> => ({ message: [sender, id] });
  const asked = request([
    [drop, named('alpha.test', ref.messageId)],
    [drop, named('gamma.test', ref.messageId)],
    [drop, named('alpha.test', random(32))],
    [freshDrop(), named('alpha.test', ref.messageId)],
  ]);
  t.deepEqual(await setPulls(bob, asked), ['waiting', 'unknown', 'unknown', 'unknown']);
  t.is((await store.pulls.due(start + 7, 9)).length, 1);
  t.is(await store.pulls.nextDue(), start + 7);
});

test('without the drop, or with a proof that was made for another user, nothing is changed', async (t) => {
  const { setPulls, userOf, store } = await home(t);
  const [drop, other] = [freshDrop(), freshDrop()];
  const ref = refTo(drop.hash);
  await admit(store, [ref]);
  const stolen = request([[drop, { until: start + 100, user: filled(1) }]]);
  t.deepEqual(await setPulls(bob, stolen), ['unknown']);
  const { entries, ...said } = request([[other, { until: start + 100 }]]);
  const forged = (entries[0] as Uint8Array).slice();
  forged[4] = (forged[4] ?? 0) ^ 1;
  t.deepEqual(await setPulls(bob, { ...said, entries: [forged] }), ['unknown']);
  const again = request([[drop, { message: ['alpha.test', ref.messageId] }]]);
  t.deepEqual(await setPulls(bob, { ...again, nonce: random(16) }), ['unknown'], 'another occasion');
  t.deepEqual([userOf(drop), userOf(other), await store.pulls.nextDue()], [undefined, undefined, undefined]);
});

test('what is stale, under no key of ours, or neither for a drop nor for a message, is refused as a whole', async (t) => {
  const { setPulls, userOf } = await home(t);
  const drop = freshDrop();
  const wish = [drop, { until: start + 100 }] as const;
  const code = async (asked: PullRequest) => await rejected(setPulls(bob, asked));
  t.is(await code(request([wish], { time: start - 3601 })), 'proof_stale');
  t.is(await code(request([wish], { keyId: random(8) })), 'key_unknown');
  t.is(await code(request([wish, [drop, {}]])), 'request_invalid');
  t.is(await code(request([wish, [drop, { until: 5, message: ['a.test', random(32)] }]])), 'request_invalid');
  const { entries, ...said } = request([wish]);
  t.is(await code({ ...said, entries: [...entries, Uint8Array.of(0xa0)] }), 'cbor_missing_field');
  t.is(await code({ ...said, entries: [new Uint8Array(600)] }), 'cbor_too_large');
  t.is(userOf(drop), undefined);
});

test('a domain that pulls nothing says so, and each user has so many drops', async (t) => {
  const nothing = await home(t, { pullsFor: async () => false });
  const asked = request([[freshDrop(), { until: start + 100 }]]);
  t.is(await rejected(nothing.setPulls(bob, asked)), 'unsupported');
  const { setPulls, store } = await home(t);
  const many = Array.from({ length: maxPulls }, () => ({ recipientHash: random(32), until: start + 100 }));
  await store.pulls.set(bob.owner, many, start);
  t.is(await rejected(setPulls(bob, asked)), 'quota_exceeded');
});
