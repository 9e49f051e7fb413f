/**
 * "Anything for this hash?", wire-spec/fetch.md section 4.
 *
 * 1. time      a stale request is refused as a whole, and one that asks twice for the same drop
 * 2. key       the own poll key that the request names
 * 3. proof     one X25519 for every entry, good or bad; others have their turn between two entries
 * 4. done      what the recipient is done with becomes a tombstone, before the answer is made
 * 5. look up   under the recipient hash, for bad proofs too: their answer is then empty, in the same time
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { recipientHash } from '../message/drops.ts';
import { checkPollTime, verifyPollProof, type PollOccasion } from '../message/poll-proof.ts';
import type { PendingRef, PendingStore } from '../store/api/pending.ts';
import type { PollAnswer, PollEntry, PollRef, PollRequest, PollResponse } from '../wire/collect.ts';

export interface PollParts {
  /** The private poll key (active or retired) with this id. Throws `key_unknown` or `key_not_active`. */
  readonly pollKey: (domain: string, keyId: Uint8Array) => Secret;
  readonly pending: PendingStore;
  readonly clock: Clock;
}

/** Throws `proof_stale`, `request_invalid` (a poll key twice, a place that is none), `key_unknown`, `key_not_active`. */
export type Poll = (domain: string, request: PollRequest) => Promise<PollResponse>;

/** Refs of one answer, and of all answers of a response, with the longest labels: it stays below what a client takes. */
const refsPerAnswer = 64;
const refsPerResponse = 2048;

export function createPoll({ pollKey, pending, clock }: PollParts): Poll {
  async function answer(
    key: Secret,
    occasion: PollOccasion,
    entry: PollEntry,
    limit: number,
  ): Promise<PollAnswer> {
    const { domain } = occasion;
    const proven = verifyPollProof(key, occasion, entry);
    const hash = recipientHash(entry.pollKey, domain);
    if (proven && entry.done !== undefined)
      await pending.done(
        domain,
        hash,
        entry.done.map(([id]) => id),
      );
    const now = clock.seconds();
    const page = await pending.poll(domain, hash, { after: entry.after, limit, now });
    if (!proven) return { refs: [] };
    return { refs: page.items.map(describe), ...(page.next === undefined ? {} : { next: page.next }) };
  }

  return async (domain, { time, nonce, keyId, entries }) => {
    checkPollTime(time, clock.seconds());
    expectDistinct(entries);
    const key = pollKey(domain, keyId);
    const limit = Math.min(refsPerAnswer, Math.floor(refsPerResponse / entries.length));
    const occasion = { domain, keyId, time, nonce };
    const answers: PollAnswer[] = [];
    for (const entry of entries) {
      answers.push(await answer(key, occasion, entry, limit));
      await setImmediate();
    }
    return { answers };
  };
}

/** The work behind an entry grows with what lies under its hash: one small request must not ask for it 64 times. */
function expectDistinct(entries: readonly PollEntry[]): void {
  const keys = new Set(entries.map(({ pollKey }) => String.fromCharCode(...pollKey)));
  if (keys.size < entries.length)
    throw new BeckonError('request_invalid', 'a request asks for each drop once');
}

function describe({ messageId, sender, expires, firstSeen, sizeClass, labels }: PendingRef): PollRef {
  const ref = { id: messageId, sender, expires, firstSeen, sizeClass };
  return labels === undefined ? ref : { ...ref, labels };
}
