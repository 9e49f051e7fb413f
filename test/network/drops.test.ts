/** What drops promise, over whole domains: nothing tells their phases apart, and nobody but their owner looks into them. */
import { join } from 'node:path';
import test from 'ava';
import type { Secret } from '../../src/crypto/secret.ts';
import { usableKey } from '../../src/keys/published-key.ts';
import { userKeysFromJson } from '../../src/keys/user-key-file.ts';
import { recipientHash } from '../../src/message/drops.ts';
import { provePoll } from '../../src/message/poll-proof.ts';
import { openStore } from '../../src/store/store.ts';
import { pollRequest, pollResponse } from '../../src/wire/collect.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import { openCaller } from './caller.ts';
import type { Files, Person } from './person.ts';
import { startTown, type Town } from './town.ts';

interface Saved {
  readonly userKeys: unknown;
  readonly drops: Readonly<Record<string, { readonly kind: string }>>;
  readonly received: Readonly<Record<string, { readonly id: string; readonly pollKey: string }>>;
}

const saved = ({ state }: Files): Saved => JSON.parse(state.text ?? '') as Saved;

/** Ann and Bob know each other, and a message of each phase waits for Bob: by introduction from Carl, over a drop from Ann. */
async function bothPhases(
  town: Town,
): Promise<{ readonly ann: Person; readonly bob: Person; readonly carl: Person }> {
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const carl = await town.enroll('carl@alpha.test');
  await ann.send([bob.address], 'first');
  await bob.arrivals();
  await bob.read(1);
  await bob.send([ann.address], 'answer');
  await ann.arrivals();
  await ann.send([bob.address], 'over the drop');
  await carl.send([bob.address], 'by introduction');
  await bob.arrivals(2);
  return { ann, bob, carl };
}

test('refs by introduction, over a drop and over a card are alike in the pending table, but for what is random', async (t) => {
  await using town = await startTown();
  const { bob } = await bothPhases(town);
  const dora = await town.enroll('dora@alpha.test');
  await dora.send([(await bob.client().cards.make()).link], 'over a card');
  await bob.arrivals();
  const { drops, received } = saved(bob);
  const beta = town.hoster('beta');
  await beta.stop();
  const store = await openStore({
    dir: join(beta.data, 'store'),
    clock: town.clock,
    onFailure: (error) => t.fail(String(error)),
  });
  const kinds: string[] = [];
  const shapes: string[] = [];
  for (const [pollKey, { kind }] of Object.entries(drops)) {
    const hash = recipientHash(Buffer.from(pollKey, 'base64url'), 'beta.test');
    const { items } = await store.pending.poll('beta.test', hash, { limit: 10, now: town.clock.seconds() });
    for (const { messageId, expires, firstSeen, ...rest } of items) {
      kinds.push(kind);
      shapes.push(
        JSON.stringify({ ...rest, lasts: expires - firstSeen, id: messageId.length, hash: hash.length }),
      );
    }
  }
  await store.close();
  t.deepEqual(kinds.toSorted(), ['card', 'handed', 'introduced']);
  t.is(new Set(shapes).size, 1, shapes.join('\n'));
  t.true(Object.keys(received).length >= 2);
});

test('who introduced themselves knows the drop, has all keys of their own, and cannot poll it; nor can anybody else', async (t) => {
  await using town = await startTown();
  await using caller = openCaller(town);
  const { ann, bob, carl } = await bothPhases(town);
  const beta = await caller.network.domains.domain('beta.test');
  if (beta.kind !== 'native') throw new Error('beta.test is not native');
  const { record } = beta;
  const now = town.clock.seconds();
  const key = usableKey(record, 'poll', now);
  const introduced = Object.entries(saved(bob).drops).filter(([, { kind }]) => kind === 'introduced');
  t.true(introduced.length > 0);
  const polled = async (pollKey: Uint8Array, scalar: Secret): Promise<number> => {
    const occasion = { domain: 'beta.test', keyId: key.id, time: now, nonce: new Uint8Array(16) };
    const entry = provePoll({ kind: 'handed-over', pollKey, scalar }, key.key, occasion);
    const { domain: _, ...request } = occasion;
    const body = encode(pollRequest, { ...request, entries: [entry] });
    const { bytes } = await caller.call('beta.test', 'poll', { body });
    return decode(pollResponse, bytes, 4 << 20).answers[0]?.refs.length ?? 0;
  };
  for (const [pollKey] of introduced) {
    const bytes = Buffer.from(pollKey, 'base64url');
    for (const person of [carl, ann, bob])
      for (const { secret } of userKeysFromJson(saved(person).userKeys).keys)
        t.is(await polled(bytes, secret), 0, `with a key of ${person.address}`);
  }
  const waiting = bob
    .client()
    .inbox()
    .find(({ from }) => from === carl.address);
  t.is(await bob.read(waiting?.number ?? 0), 'by introduction');
});
