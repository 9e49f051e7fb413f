/**
 * Senders who are ignored, wire-spec/fetch.md section 9.
 *
 * 1. said   the user's word stands in the state, which the user's devices share
 * 2. told   the domain is told once for each drop of theirs, as drops are handed out and found
 * 3. passed over   what comes all the same: the domain could not be told yet, or keeps no preferences (`poll.ts`)
 */
import { BeckonError, codeOf } from '../errors.ts';
import type { DropOwner } from '../message/drops.ts';
import { provePreference } from '../message/poll-proof.ts';
import { parseAddress, formatAddress } from '../wire/address.ts';
import type { PreferenceEntry } from '../wire/preferences.ts';
import { counts, preferences, times } from '../wire/registry.ts';
import type { IgnoredSender } from './api.ts';
import type { OwnDomain } from './own-domain.ts';
import { correspondentOf } from './correspondent.ts';
import { ownerOf } from './own-drops.ts';
import { withPollKey, type PollKeyParts } from './poll-key.ts';
import type { Share } from './share.ts';
import type { ClientState, OwnDrop, Said, Text64 } from './state.ts';

export interface IgnoreParts extends PollKeyParts {
  readonly own: Pick<OwnDomain, 'setPreferences'>;
}

/** Ignores a sender, or no more. Throws `address_invalid`, `request_invalid` for the own address. */
export type IgnoreSender = (typed: string, on: boolean) => Promise<IgnoredSender>;

export function createIgnoreSender(
  parts: IgnoreParts & { readonly share: Pick<Share, 'tryLearn' | 'tryShare'> },
): IgnoreSender {
  const { session, clock, share } = parts;
  return async (typed, on) => {
    const address = formatAddress(parseAddress(typed).address);
    await share.tryLearn();
    if (address === session.state().address)
      throw new BeckonError('request_invalid', 'that is your own address: nobody ignores themselves');
    await session.commit({ type: 'sender-ignored', address, on, at: clock.seconds() });
    const failure = await tellPreferences(parts).then(() => undefined, codeOf);
    await share.tryShare();
    return { address, ignored: on, ...(failure === undefined ? {} : { notTold: failure }) };
  };
}

/** The addresses of those who are ignored. */
export function ignoredSenders({ contacts }: ClientState): readonly string[] {
  return Object.values(contacts)
    .filter(({ ignored }) => ignored?.on === true)
    .map(({ address }) => address)
    .toSorted();
}

interface Wish {
  readonly owner: DropOwner;
  readonly pollKey: Text64;
  readonly ignored: Said;
  readonly until: number;
}

/** Tells the domain what it does not know yet. Throws where it cannot be told: it is told the next time. */
export async function tellPreferences(parts: IgnoreParts): Promise<void> {
  const { session, clock, own } = parts;
  const wishes = wishesOf(parts, clock.seconds());
  for (let at = 0; at < wishes.length; at += counts.pollEntries) {
    const some = wishes.slice(at, at + counts.pollEntries);
    await withPollKey(parts, async ({ key, ...occasion }) => {
      const { time, nonce, keyId } = occasion;
      const entries = some.map((wish) => provePreference(wish.owner, key, occasion, asked(wish)));
      await own.setPreferences({ time, nonce, keyId, entries });
    });
    const counters = Object.fromEntries(some.map(({ pollKey, ignored }) => [pollKey, ignored.at]));
    await session.commit({ type: 'preferences-told', counters });
  }
}

function wishesOf({ session }: IgnoreParts, now: number): readonly Wish[] {
  const state = session.state();
  const keys = session.keys();
  return Object.entries(state.drops).flatMap(([pollKey, drop]) => {
    const ignored = state.contacts[correspondentOf(drop) ?? '']?.ignored;
    if (ignored === undefined || state.told?.[pollKey] === ignored.at) return [];
    // What was made after the user took it back was never ignored.
    if (!ignored.on && drop.created > ignored.at) return [];
    const owner = ownerOf(pollKey, drop, state, keys);
    return owner === undefined ? [] : [{ owner, pollKey, ignored, until: endOf(drop, now) }];
  });
}

/** The drop of an introduction comes again with the next one. */
function endOf(drop: OwnDrop, now: number): number {
  return drop.kind === 'introduced' ? now + times.dropMax : drop.notAfter;
}

function asked({ ignored, until }: Wish): Omit<PreferenceEntry, 'pollKey' | 'proof'> {
  const preference = ignored.on ? preferences.ignore : preferences.whenAsked;
  return { counter: ignored.at, preference, until };
}
