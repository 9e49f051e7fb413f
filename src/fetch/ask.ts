/**
 * What a poll and a watch have in common, wire-spec/fetch.md section 4.
 *
 * 1. rate      one network may ask so often: an entry costs a tenth of a millisecond whether its proof holds or not
 * 2. time      a stale request is refused as a whole, and one that asks twice for the same drop
 * 3. key       the own poll key that the request names
 * 4. proof     one X25519 for every entry, good or bad
 * 5. done      what the recipient is done with becomes a tombstone, before the answer is made
 * 6. look up   under the recipient hash, for bad proofs too: their answer is then empty, in the same time
 */
import type { Clock } from '../clock.ts';
import type { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { recipientHash } from '../message/drops.ts';
import { checkPollTime, verifyPollProof } from '../message/poll-proof.ts';
import { createRate, networkOf, type RateLimit } from '../rate.ts';
import type { PendingRef, PendingStore } from '../store/api/pending.ts';
import type { PollAnswer, PollEntry, PollRef, PollRequest } from '../wire/collect.ts';

export interface AskParts {
  /** The private poll key (active or retired) with this id. Throws `key_unknown` or `key_not_active`. */
  readonly pollKey: (domain: string, keyId: Uint8Array) => Secret;
  readonly pending: Pick<PendingStore, 'poll' | 'done'>;
  /** Polls and watches that one network (IPv4 /24, IPv6 /48) may begin. */
  readonly rate?: RateLimit;
  readonly clock: Clock;
  /** By which refs end; `clock` unless told. */
  readonly expiry?: Clock;
}

/** Called between proof and look-up: whoever listens from here on misses nothing. `hash`: of the drop, proven or not. */
export type OnChecked = (hash: Uint8Array, proven: boolean) => void;

/** Answers an entry of the request that was checked. */
export type AnswerEntry = (entry: PollEntry, onChecked?: OnChecked) => Promise<PollAnswer>;

/**
 * Steps 1 to 3; steps 4 to 6 for each entry are the caller's to ask for. `source`: the address that asks. Throws `rate_limited`,
 * `proof_stale`, `request_invalid` (a poll key twice), `key_unknown`, `key_not_active`; answering throws `request_invalid` for a place that
 * is none.
 */
export type Ask = (domain: string, request: PollRequest, source: string) => AnswerEntry;

/** A large office polls from one network. */
const defaultRate: RateLimit = { perSecond: 20, burst: 400 };

/** Refs of one answer, and of all answers of a response, with the longest labels: it stays below what a client takes. */
const refsPerAnswer = 64;
const refsPerResponse = 2048;

export function createAsk({ pollKey, pending, rate = defaultRate, clock, expiry = clock }: AskParts): Ask {
  const mayAsk = createRate(rate, clock);

  return (domain, { time, nonce, keyId, entries }, source) => {
    if (!mayAsk(networkOf(source))) throw new BeckonError('rate_limited', 'too many polls from this network');
    checkPollTime(time, clock.seconds());
    expectDistinct(entries);
    const key = pollKey(domain, keyId);
    const limit = Math.min(refsPerAnswer, Math.floor(refsPerResponse / entries.length));
    const occasion = { domain, keyId, time, nonce };

    return async (entry, onChecked) => {
      const proven = verifyPollProof(key, occasion, entry);
      const hash = recipientHash(entry.pollKey, domain);
      if (proven && entry.done !== undefined)
        await pending.done(
          domain,
          hash,
          entry.done.map(([id]) => id),
        );
      onChecked?.(hash, proven);
      const now = expiry.seconds();
      const page = await pending.poll(domain, hash, { after: entry.after, limit, now });
      if (!proven) return { refs: [] };
      return { refs: page.items.map(describeRef), ...(page.next === undefined ? {} : { next: page.next }) };
    };
  };
}

/**
 * The work behind an entry grows with what lies under its hash: one small request must not ask for it 64 times. Throws
 * `request_invalid`.
 */
export function expectDistinct(entries: readonly Pick<PollEntry, 'pollKey'>[]): void {
  const keys = new Set(entries.map(({ pollKey }) => String.fromCharCode(...pollKey)));
  if (keys.size < entries.length)
    throw new BeckonError('request_invalid', 'a request asks for each drop once');
}

/** A ref as its recipient is told of it. */
export function describeRef({
  messageId,
  sender,
  expires,
  firstSeen,
  sizeClass,
  labels,
  blind,
}: PendingRef): PollRef {
  const ref = { id: messageId, sender, expires, firstSeen, sizeClass };
  return {
    ...ref,
    ...(labels === undefined ? {} : { labels }),
    ...(blind === undefined ? {} : { blind }),
  };
}
