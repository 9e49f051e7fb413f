/**
 * One look-up of an address at a native domain.
 *
 *  1. the cached answer, if it is young and still verifies
 *  2. the domain's answer; a signing key that our copy of its record does not have makes us read the record again, once
 *  3. verified against the domain's record and the serials seen before (wire-spec/keys.md sections 6 and 7)
 *  4. the identity compared with the pin: another one waits for the user's word
 *  5. the pin, then the answer, written down
 */
import type { Clock } from '../clock.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import type { LegacyDomain, NoDomain } from '../dns/discover.ts';
import { BeckonError, codeOf } from '../errors.ts';
import {
  verifyUserAnswer,
  type SeenUser,
  type VerifiedUser,
  type VerifiedUserAnswer,
} from '../keys/user-answer.ts';
import { addressHash } from '../keys/fingerprints.ts';
import type { Log } from '../log.ts';
import type { ChangedPeer, LaterPeer, NativePeer } from './domain-lookup.ts';
import type { Domains } from './domains.ts';
import { userName, type Shelves, type UserEntry, type UserPin } from './pins.ts';
import type { Remote } from './remote.ts';
import { userTrust, type Trust } from './trust.ts';

export interface NativeUser {
  readonly kind: 'native';
  readonly user: VerifiedUser;
  readonly domain: NativePeer;
  readonly trust: Trust;
  /** The record could not be read again when it was due; it is still valid. */
  readonly stale: boolean;
}

/** Takes mail over SMTP: by its domain's DNS, by its domain's signed word, or because its own user said so. */
export type LegacyUser =
  | { readonly kind: 'legacy'; readonly reason: 'domain'; readonly mx: LegacyDomain['mx'] }
  | { readonly kind: 'legacy'; readonly reason: 'by_mail' | 'accepted' };

/**
 * `pinned_native`: native before, and not any more: wait and warn (`acceptMail`). `not_active`: the domain lists the user as
 * suspended. Codes: why the answer was refused.
 */
export interface LaterUser {
  readonly kind: 'later';
  readonly reason: LaterPeer['reason'] | 'not_active';
}

/** Another identity than the pinned one, the user's or the domain's: nothing is sent before someone accepts it. */
export interface ChangedUser extends ChangedPeer {
  readonly of: 'user' | 'domain';
}

/** The domain says for certain that it has no such user. */
export interface UnknownUser {
  readonly kind: 'unknown';
  readonly reason: 'no_such_user' | 'user_gone';
}

export type UserOutcome = NativeUser | LegacyUser | LaterUser | ChangedUser | UnknownUser | NoDomain;

export interface UserLookup {
  lookUp(address: string, domain: NativePeer): Promise<UserOutcome>;
}

export interface UserLookupOptions {
  readonly domains: Pick<Domains, 'refresh'>;
  readonly remote: Pick<Remote, 'getUserAnswer'>;
  readonly shelves: Shelves;
  readonly clock: Clock;
  readonly log: Log;
  readonly cacheSeconds: number;
}

interface Verified {
  readonly answer: VerifiedUserAnswer;
  readonly domain: NativePeer;
}

export function createUserLookup(options: UserLookupOptions): UserLookup {
  const { domains, remote, shelves, clock, log, cacheSeconds } = options;

  async function lookUp(address: string, domain: NativePeer): Promise<UserOutcome> {
    const name = userName(address);
    const [pin, entry] = await Promise.all([shelves.userPins.get(name), shelves.userEntries.get(name)]);
    const cached = entry && fromCache(address, domain, pin, entry);
    if (cached && isFresh(entry)) return cached;
    const fetched = await remote.getUserAnswer(domain, addressHash(address));
    if (fetched.kind === 'gone' && fetched.code !== 'not_found')
      return { kind: 'unknown', reason: 'no_such_user' };
    if (fetched.kind === 'gone')
      return cached ? { ...cached, stale: true } : { kind: 'later', reason: 'not_served' };
    if (fetched.kind === 'later')
      return cached ? { ...cached, stale: true } : { kind: 'later', reason: fetched.reason };
    return take(address, domain, pin, fetched.bytes);
  }

  function isFresh({ fetched }: UserEntry): boolean {
    const age = clock.seconds() - fetched;
    return age >= 0 && age < cacheSeconds;
  }

  function fromCache(
    address: string,
    domain: NativePeer,
    pin: UserPin | undefined,
    entry: UserEntry,
  ): NativeUser | undefined {
    try {
      const answer = verifyUserAnswer(entry.answer, domain.record, address, clock.seconds(), seenOf(pin));
      const standing =
        answer.kind === 'user' && pin !== undefined && answer.status === 'active' && isPinned(answer, pin);
      return standing ? nativeUser(answer, domain, pin, true) : undefined;
    } catch (error) {
      if (error instanceof BeckonError) return undefined;
      throw error;
    }
  }

  async function take(
    address: string,
    domain: NativePeer,
    pin: UserPin | undefined,
    bytes: Uint8Array,
  ): Promise<UserOutcome> {
    try {
      const verified = await verify(address, domain, pin, bytes);
      return await judge(address, verified, pin, bytes);
    } catch (error) {
      if (!(error instanceof BeckonError) || error.code === 'storage_failed') throw error;
      const level = error.code === 'trust_changed' ? 'error' : 'warn';
      log[level]('directory.user_refused', { domain: domain.domain, code: error.code });
      return { kind: 'later', reason: error.code };
    }
  }

  async function verify(
    address: string,
    domain: NativePeer,
    pin: UserPin | undefined,
    bytes: Uint8Array,
  ): Promise<Verified> {
    const now = clock.seconds();
    try {
      return { answer: verifyUserAnswer(bytes, domain.record, address, now, seenOf(pin)), domain };
    } catch (error) {
      if (!['key_unknown', 'key_not_active'].includes(codeOf(error))) throw error;
      const newer = await domains.refresh(domain.domain, domain.record.serial + 1);
      if (newer.kind !== 'native' || newer.record.serial === domain.record.serial) throw error;
      return { answer: verifyUserAnswer(bytes, newer.record, address, now, seenOf(pin)), domain: newer };
    }
  }

  async function judge(
    address: string,
    { answer, domain }: Verified,
    pin: UserPin | undefined,
    bytes: Uint8Array,
  ): Promise<UserOutcome> {
    if (answer.kind === 'by_mail') return byMail(domain.domain, pin);
    if (answer.status === 'gone') return { kind: 'unknown', reason: 'user_gone' };
    if (answer.status !== 'active') return { kind: 'later', reason: 'not_active' };
    if (pin && !isPinned(answer, pin)) return changed(answer, pin);
    return keep(address, answer, domain, pin, bytes);
  }

  function byMail(domain: string, pin: UserPin | undefined): UserOutcome {
    if (pin === undefined) return { kind: 'legacy', reason: 'by_mail' };
    if (pin.mailAccepted) return { kind: 'legacy', reason: 'accepted' };
    log.warn('directory.pinned_native', { domain, answer: 'by_mail' });
    return { kind: 'later', reason: 'pinned_native' };
  }

  function changed(answer: VerifiedUser, pin: UserPin): ChangedUser {
    log.warn('directory.user_changed', { domain: answer.domain });
    const { fingerprint: pinned, since } = pin;
    return { kind: 'changed', of: 'user', pinned, offered: answer.identityFingerprint, since };
  }

  /** Another record of the same identity is an orderly update. */
  async function keep(
    address: string,
    answer: VerifiedUser,
    domain: NativePeer,
    pin: UserPin | undefined,
    bytes: Uint8Array,
  ): Promise<NativeUser> {
    const name = userName(address);
    const now = clock.seconds();
    const { identityFingerprint: fingerprint, recordFingerprint, serial, created } = answer;
    const newPin: UserPin = {
      ...(pin ?? { since: now, compared: false }),
      fingerprint,
      recordFingerprint,
      serial,
      created,
      mailAccepted: false,
    };
    if (serial !== pin?.serial || pin.mailAccepted) await shelves.userPins.put(name, newPin);
    await shelves.userEntries.put(name, { answer: bytes, fetched: now });
    return nativeUser(answer, domain, newPin, pin !== undefined);
  }

  return { lookUp };
}

function isPinned(user: VerifiedUser, pin: UserPin): boolean {
  return constantTimeEqual(user.identityFingerprint, pin.fingerprint);
}

function nativeUser(user: VerifiedUser, domain: NativePeer, pin: UserPin, pinnedBefore: boolean): NativeUser {
  const evidence = { compared: pin.compared, pinnedBefore, escrow: user.escrow };
  return { kind: 'native', user, domain, trust: userTrust(evidence, domain.trust), stale: false };
}

/** Undefined where no record of the pinned identity was seen yet. */
function seenOf(pin: UserPin | undefined): SeenUser | undefined {
  if (pin?.recordFingerprint === undefined) return undefined;
  const { serial, recordFingerprint, created } = pin;
  return { serial, recordFingerprint, created };
}
