/**
 * What recipients want done with refs for their drops, wire-spec/fetch.md section 9.
 *
 * 1. rate      one network may set so many
 * 2. time      a stale request is refused as a whole, and one that names a drop twice
 * 3. room      a domain keeps so many; whether it does is said before any proof is looked at
 * 4. key       the own poll key that the request names
 * 5. proof     one X25519 for every entry, good or bad; others have their turn between two entries
 * 6. set       what was proven, in one write; the answer is the same whatever it was
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { recipientHash } from '../message/drops.ts';
import { checkPollTime, verifyPreferenceProof } from '../message/poll-proof.ts';
import { createRate, networkOf, type RateLimit } from '../rate.ts';
import type { Preference, PreferenceStore } from '../store/api/preferences.ts';
import type { PreferenceEntry, PreferencesRequest } from '../wire/preferences.ts';
import { preferences as known, times } from '../wire/registry.ts';
import { expectDistinct } from './ask.ts';

export interface SetPreferencesParts {
  /** The private poll key (active or retired) with this id. Throws `key_unknown` or `key_not_active`. */
  readonly pollKey: (domain: string, keyId: Uint8Array) => Secret;
  readonly preferences: PreferenceStore;
  /** Entries that one network (IPv4 /24, IPv6 /48) may send. */
  readonly rate?: RateLimit;
  readonly clock: Clock;
}

/**
 * `source`: the address that asks. Throws `rate_limited`, `proof_stale`, `request_invalid` (a poll key twice), `storage_full`, `key_unknown`,
 * `key_not_active`.
 */
export type SetPreferences = (domain: string, request: PreferencesRequest, source: string) => Promise<void>;

/** A user sets a handful a year: the burst is for an office, and filling a table takes a network most of a day. */
const defaultRate: RateLimit = { perSecond: 1, burst: 1024 };

export function createSetPreferences({
  pollKey,
  preferences,
  rate = defaultRate,
  clock,
}: SetPreferencesParts): SetPreferences {
  const maySet = createRate(rate, clock);

  return async (domain, { time, nonce, keyId, entries }, source) => {
    if (!maySet(networkOf(source), entries.length))
      throw new BeckonError('rate_limited', 'too many preferences from this network');
    checkPollTime(time, clock.seconds());
    expectDistinct(entries);
    if (entries.some(ignores) && (await preferences.isFull(domain)))
      throw new BeckonError('storage_full', 'the domain keeps as many preferences as it may');
    const key = pollKey(domain, keyId);
    const occasion = { domain, keyId, time, nonce };
    const proven: Preference[] = [];
    for (const entry of entries) {
      if (verifyPreferenceProof(key, occasion, entry)) proven.push(...preferenceOf(domain, entry));
      await setImmediate();
    }
    if (proven.length > 0) await preferences.set(domain, proven, clock.seconds());
  };

  function preferenceOf(domain: string, entry: PreferenceEntry): readonly Preference[] {
    const { pollKey: drop, counter, preference, until } = entry;
    if (!ignores(entry) && preference !== known.whenAsked) return [];
    const latest = clock.seconds() + times.dropMax;
    return [
      {
        recipientHash: recipientHash(drop, domain),
        counter,
        ignore: ignores(entry),
        until: Math.min(until, latest),
      },
    ];
  }
}

function ignores({ preference }: PreferenceEntry): boolean {
  return preference === known.ignore;
}
