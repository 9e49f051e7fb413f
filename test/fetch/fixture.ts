/** A receiving domain with its keys and a real store: refs are admitted, drops polled. */
import { Secret } from '../../src/crypto/secret.ts';
import { createAsk } from '../../src/fetch/ask.ts';
import { createPoll } from '../../src/fetch/poll.ts';
import type { RateLimit } from '../../src/rate.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import type { DomainKeys } from '../../src/keys/domain-keys.ts';
import { handedOverOwner, recipientHash, type DropOwner } from '../../src/message/drops.ts';
import { provePoll, type PollOccasion } from '../../src/message/poll-proof.ts';
import type { Store } from '../../src/store/api/store.ts';
import {
  maxPollRequest,
  maxPollResponse,
  pollRequest,
  pollResponse,
  type PollAnswer,
  type PollEntry,
  type PollRequest,
} from '../../src/wire/collect.ts';
import type { Ref, RefLabels } from '../../src/wire/notification.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import type { TestClock } from '../support/clock.ts';
import { keyOf, makeDomain, makeUser } from '../support/identities.ts';
import { random, start } from '../store/fixture.ts';

export const alpha = makeDomain('alpha.test');
export const beta = makeDomain('beta.test');
export const ann = makeUser(alpha, 'ann');
export const bob = makeUser(beta, 'bob');
export const day = 86_400;

const source = { master: new Secret(new Uint8Array(32).fill(7)), epoch: new Uint8Array(16) };
let handedOut = 0;

export interface TestDrop {
  readonly owner: DropOwner;
  readonly hash: Uint8Array;
}

/** A drop that nobody used before. */
export function freshDrop(domain = 'beta.test'): TestDrop {
  const owner = handedOverOwner(source, handedOut++);
  return { owner, hash: recipientHash(owner.pollKey, domain) };
}

export function refTo(hash: Uint8Array, labels?: RefLabels, expires = start + 7 * day): Ref {
  return {
    recipientHash: hash,
    messageId: random(32),
    expires,
    sizeClass: 12,
    ...(labels === undefined ? {} : { labels }),
  };
}

/** Puts refs into the pending table, as a notification that was verified would. */
export async function admit(
  store: Store,
  refs: readonly Ref[],
  { domain = 'beta.test', sender = 'alpha.test', now = start } = {},
): Promise<void> {
  const quota = { key: sender, refs: 100_000 };
  await store.pending.admit({ domain, sender, refs, now, quota, introductionsPerHour: 100_000 });
}

/** What an occasion of `beta.test` says; changes make it wrong. */
export function occasion(changes: Partial<PollOccasion> = {}): PollOccasion {
  return {
    domain: 'beta.test',
    keyId: keyOf(beta.keys, 'poll').id,
    time: start,
    nonce: random(16),
    ...changes,
  };
}

export function prove(
  owner: DropOwner,
  at: PollOccasion,
  entry: Omit<PollEntry, 'pollKey' | 'proof'> = {},
): PollEntry {
  return provePoll(owner, keyOf(beta.keys, 'poll').publicKey, at, entry);
}

export function poller(store: Store, clock: TestClock, keys: DomainKeys = beta.keys, rate?: RateLimit) {
  const keyRing = createKeyRing();
  keyRing.set(keys);
  const pollKey = (domain: string, id: Uint8Array) => keyRing.pollKey(domain, id, clock.seconds());
  const ask = createAsk({
    pollKey,
    pending: store.pending,
    ...(rate === undefined ? {} : { rate }),
    clock,
  });
  const poll = createPoll(ask);

  /** Over the wire and back: the answer is encoded, as it would travel. */
  async function encoded(
    request: PollRequest,
    domain = 'beta.test',
    source = '192.0.2.1',
  ): Promise<Uint8Array> {
    return encode(
      pollResponse,
      await poll(domain, decode(pollRequest, encode(pollRequest, request), maxPollRequest), source),
    );
  }

  async function answers(
    entries: readonly PollEntry[],
    { time, nonce, keyId }: PollOccasion,
  ): Promise<readonly PollAnswer[]> {
    const response = decode(pollResponse, await encoded({ time, nonce, keyId, entries }), maxPollResponse);
    return response.answers;
  }

  return {
    encoded,
    answers,
    /** One drop, asked as its owner asks. */
    async ask(owner: DropOwner, entry: Omit<PollEntry, 'pollKey' | 'proof'> = {}): Promise<PollAnswer> {
      const at = occasion({ time: clock.seconds() });
      const [answer] = await answers([prove(owner, at, entry)], at);
      if (answer === undefined) throw new Error('an answer is missing');
      return answer;
    },
  };
}

export type Poller = ReturnType<typeof poller>;
