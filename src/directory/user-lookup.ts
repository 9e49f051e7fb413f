/**
 * One look-up of an address at a native domain.
 *
 *  1. the cached answer, if it is young and still verifies
 *  2. the domain's answer; a signing key that our copy of its record does not have makes us read the record again, once
 *  3. verified against the domain's record and the serials seen before (wire-spec/keys.md sections 6 and 7)
 *  4. weighed against the pin (section 9): another identity, or weaker keys, wait for the user's word
 *  5. the pin with what is new in its history, then the answer, written down
 */
import type { Clock } from '../clock.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError, codeOf } from '../errors.ts';
import {
  verifyUserAnswer,
  type SeenUser,
  type VerifiedUser,
  type VerifiedUserAnswer,
} from '../keys/user-answer.ts';
import { addressHash } from '../keys/fingerprints.ts';
import { judgeRecord, type RecordChange } from '../keys/user-change.ts';
import type { Log } from '../log.ts';
import type { NativePeer } from './domain-lookup.ts';
import type { Domains } from './domains.ts';
import { userName, type Shelves, type UserEntry } from './pins.ts';
import type { Remote } from './remote.ts';
import { pinAfter, pinWithOffer } from './user-news.ts';
import {
  changedUser,
  nativeUser,
  type ChangedUser,
  type NativeUser,
  type UserOutcome,
} from './user-outcome.ts';
import { pinnedRecord, type UserPin } from './user-pins.ts';

export type * from './user-outcome.ts';

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
    if (cached && isFresh(entry) && !pin?.offered) return cached;
    const fetched = await remote.getUserAnswer(domain, addressHash(address));
    if (fetched.kind === 'found') return take(address, domain, pin, fetched.bytes);
    if (fetched.kind === 'gone' && fetched.code !== 'not_found')
      return { kind: 'unknown', reason: 'no_such_user', ...(pin === undefined ? {} : { pinned: true }) };
    // What was shown once waits, also when its domain falls silent.
    if (pin?.offered) return changedUser(pin, pin.offered);
    if (cached) return { ...cached, stale: true };
    return { kind: 'later', reason: fetched.kind === 'gone' ? 'not_served' : fetched.reason };
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
    const change = judgeRecord(pin && pinnedRecord(pin), answer);
    if (change.kind === 'changed' && pin) return changed(address, answer, pin, change.what);
    return keep({ address, answer, domain, pin, change, bytes });
  }

  function byMail(domain: string, pin: UserPin | undefined): UserOutcome {
    if (pin === undefined) return { kind: 'legacy', reason: 'by_mail' };
    if (pin.mailAccepted) return { kind: 'legacy', reason: 'accepted' };
    log.warn('directory.pinned_native', { domain, answer: 'by_mail' });
    return { kind: 'later', reason: 'pinned_native' };
  }

  /** It is written down, so that it waits also where the domain shows the old record to the next process. */
  async function changed(
    address: string,
    answer: VerifiedUser,
    pin: UserPin,
    what: ChangedUser['what'],
  ): Promise<ChangedUser> {
    log.error('directory.user_refused', { domain: answer.domain, code: 'trust_changed' });
    const newPin = pinWithOffer(pin, answer, what, clock.seconds());
    if (newPin !== pin) await shelves.userPins.put(userName(address), newPin);
    return changedUser(pin, answer.identityFingerprint);
  }

  async function keep(found: {
    readonly address: string;
    readonly answer: VerifiedUser;
    readonly domain: NativePeer;
    readonly pin: UserPin | undefined;
    readonly change: RecordChange;
    readonly bytes: Uint8Array;
  }): Promise<NativeUser> {
    const { address, answer, domain, pin, change, bytes } = found;
    const name = userName(address);
    const now = clock.seconds();
    const newPin = pinAfter(pin, answer, change, now);
    if (newPin !== pin) await shelves.userPins.put(name, newPin);
    await shelves.userEntries.put(name, { answer: bytes, fetched: now });
    return nativeUser(answer, domain, newPin, pin !== undefined && change.kind !== 'replaced');
  }

  return { lookUp };
}

/** Undefined where no record of the pinned identity was seen yet. */
function seenOf(pin: UserPin | undefined): SeenUser | undefined {
  if (pin?.recordFingerprint === undefined) return undefined;
  const { serial, recordFingerprint, created } = pin;
  return { serial, recordFingerprint, created };
}

function isPinned(user: VerifiedUser, pin: UserPin): boolean {
  return constantTimeEqual(user.identityFingerprint, pin.fingerprint);
}
