/**
 * What a user has pulled, wire-spec/account.md section 12.
 *
 * 1. time      a stale request is refused as a whole
 * 2. key       the own poll key that the request names
 * 3. proof     one X25519 for every entry; one that does not hold, or is another user's, changes nothing
 * 4. set       drops, in one write; what waits for them is queued
 * 5. ask       messages, one by one
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { constantTimeEqual, type Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { recipientHash } from '../message/drops.ts';
import { checkPollTime, verifyPullProof, type PollOccasion } from '../message/poll-proof.ts';
import type { Pull, PullStore } from '../store/api/pulls.ts';
import { maxPullEntry, pullEntry, type PullEntry } from '../wire/blind.ts';
import { times } from '../wire/registry.ts';
import { decode } from '../wire/schema.ts';
import type { AccountUser } from './user.ts';

export interface PullRequest extends Omit<PollOccasion, 'domain'> {
  /** Encoded pull-entries. */
  readonly entries: readonly Uint8Array[];
}

export type PullState = 'set' | 'waiting' | 'pulled' | 'unknown';

/**
 * The state of each entry. Throws `unsupported` (nothing is pulled here), `proof_stale`, `key_unknown`, `key_not_active`, `request_invalid`,
 * `cbor_*`, `quota_exceeded`.
 */
export type SetPulls = (user: AccountUser, request: PullRequest) => Promise<readonly PullState[]>;

export interface SetPullsParts {
  readonly pulls: Pick<PullStore, 'set' | 'ask'>;
  /** The private poll key (active or retired) with this id. Throws `key_unknown` or `key_not_active`. */
  readonly pollKey: (domain: string, keyId: Uint8Array) => Secret;
  /** Whether anything is pulled for users of a domain. */
  readonly pullsFor: (domain: string) => Promise<boolean>;
  /** Queues what waits for a drop already. */
  readonly collect: (domain: string, recipientHash: Uint8Array, user: Uint8Array) => Promise<void>;
  /** When a message that is delegated now is fetched. */
  readonly firstDue: () => number;
  readonly clock: Clock;
}

export function createSetPulls(parts: SetPullsParts): SetPulls {
  const { pulls, pollKey, pullsFor, collect, firstDue, clock } = parts;

  function pullOf(domain: string, { pollKey: drop, until = 0 }: PullEntry, now: number): Pull {
    return { recipientHash: recipientHash(drop, domain), until: Math.min(until, now + times.dropMax) };
  }

  return async ({ owner }, { entries, ...said }) => {
    const { domain, user } = owner;
    if (!(await pullsFor(domain)))
      throw new BeckonError('unsupported', 'this domain pulls nothing for its users');
    const now = clock.seconds();
    checkPollTime(said.time, now);
    const key = pollKey(domain, said.keyId);
    const read = entries.map(readEntry);
    const good: boolean[] = [];
    for (const entry of read) {
      const proven = verifyPullProof(key, { domain, ...said }, entry);
      good.push(proven && constantTimeEqual(entry.user, user));
      await setImmediate();
    }
    const drops = read.flatMap((entry, i) =>
      good[i] === true && entry.message === undefined ? [pullOf(domain, entry, now)] : [],
    );
    if (drops.length > 0) await pulls.set(owner, drops, now);
    for (const { recipientHash: hash, until } of drops) if (until > now) await collect(domain, hash, user);

    const states: PullState[] = [];
    for (const [i, { pollKey: drop, message }] of read.entries()) {
      if (good[i] !== true) states.push('unknown');
      else if (message === undefined) states.push('set');
      else {
        const [sender, messageId] = message;
        const ref = { recipientHash: recipientHash(drop, domain), sender, messageId };
        states.push(await pulls.ask(owner, ref, firstDue()));
      }
    }
    return states;
  };
}

function readEntry(encoded: Uint8Array): PullEntry {
  const entry = decode(pullEntry, encoded, maxPullEntry);
  if ((entry.until === undefined) === (entry.message === undefined))
    throw new BeckonError('request_invalid', 'an entry is for a drop until some time, or for one message');
  return entry;
}
