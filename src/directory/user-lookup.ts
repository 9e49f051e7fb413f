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
import type { LegacyDomain, NoDomain } from '../dns/discover.ts';
import { BeckonError, codeOf } from '../errors.ts';
import {
  verifyUserAnswer,
  type SeenUser,
  type VerifiedUser,
  type VerifiedUserAnswer,
} from '../keys/user-answer.ts';
import { addressHash } from '../keys/fingerprints.ts';
import { isBridged, judgeRecord, type RecordChange } from '../keys/user-change.ts';
import type { Log } from '../log.ts';
import type { DomainEvent } from './domain-history.ts';
import type { ChangedPeer, LaterPeer, NativePeer } from './domain-lookup.ts';
import type { Domains } from './domains.ts';
import { userName, type Shelves, type UserEntry } from './pins.ts';
import type { Remote } from './remote.ts';
import { userTrust, type Trust } from './trust.ts';
import {
  pinnedRecord,
  unseenNotices,
  unseenPin,
  withNotices,
  withRecord,
  type UserNotice,
  type UserPin,
} from './user-pins.ts';

export interface NativeUser {
  readonly kind: 'native';
  readonly user: VerifiedUser;
  readonly domain: NativePeer;
  readonly trust: Trust;
  /** The record could not be read again when it was due; it is still valid. */
  readonly stale: boolean;
  /** Since when this identity is pinned. */
  readonly since: number;
  /** A message of theirs was verified; before that nothing shows that there is somebody. */
  readonly confirmed: boolean;
  /** Drops that they handed over before this time are void. */
  readonly dropsSince?: number;
  /** Their domain holds its users' keys. */
  readonly escrow: boolean;
  /** They have messages copied into a store that is not encrypted. */
  readonly bridged: boolean;
  /** What happened since the user last looked (`Users.acknowledge`), oldest first. */
  readonly notices: readonly UserNotice[];
  /** The same of their domain. */
  readonly domainNotices: readonly DomainEvent[];
}

/** Takes mail over SMTP: by its domain's DNS, by its domain's signed word, or because its own user said so. */
export type LegacyUser =
  | {
      readonly kind: 'legacy';
      readonly reason: 'domain';
      readonly mx: LegacyDomain['mx'];
      /** DNSSEC proves that the domain has no Beckon. */
      readonly dnssec: boolean;
    }
  | { readonly kind: 'legacy'; readonly reason: 'by_mail' | 'accepted' };

/**
 * `pinned_native`: native before, and not any more: wait and warn (`acceptMail`). `legacy_contradicted`, `legacy_unconfirmed`: DNS says that
 * the domain takes mail only, and its own server says otherwise, or nothing (confirm-legacy.ts). `not_active`: the domain lists the user as
 * suspended. Codes: why the answer was refused.
 */
export interface LaterUser {
  readonly kind: 'later';
  readonly reason: LaterPeer['reason'] | 'not_active';
}

/**
 * Another identity than the pinned one, the user's or the domain's, or weaker keys of the same one (`suite`): nothing is sent before
 * someone accepts it.
 */
export interface ChangedUser extends ChangedPeer {
  readonly of: 'user' | 'domain';
  readonly what: 'identity' | 'suite';
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
    if (cached && isFresh(entry) && !pin?.offered) return cached;
    const fetched = await remote.getUserAnswer(domain, addressHash(address));
    if (fetched.kind === 'found') return take(address, domain, pin, fetched.bytes);
    if (fetched.kind === 'gone' && fetched.code !== 'not_found')
      return { kind: 'unknown', reason: 'no_such_user' };
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
    const offered = answer.identityFingerprint;
    const kind = what === 'identity' ? 'identity_offered' : 'suite_offered';
    const notice = { ...noticeOf(kind, clock.seconds(), answer, pin), seen: false };
    const told = unseenNotices(pin).some((known) => isSame(known, notice));
    if (!told || pin.offered === undefined || !constantTimeEqual(pin.offered, offered))
      await shelves.userPins.put(userName(address), {
        ...withNotices(pin, told ? [] : [notice]),
        offered,
      });
    return changedUser(pin, offered);
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

/** The same pin where there is nothing new. */
function pinAfter(pin: UserPin | undefined, user: VerifiedUser, change: RecordChange, now: number): UserPin {
  if (pin === undefined) return withRecord(unseenPin(user.identityFingerprint, now), user);
  const complete = pin.sealingRank !== undefined && !pin.mailAccepted && pin.offered === undefined;
  if (change.kind === 'same' && complete) return pin;
  const news = 'news' in change ? change.news : [];
  const notices = news.map((kind) => ({
    ...noticeOf(kind, now, user, pin),
    ...(kind === 'rotated' && change.kind === 'orderly' ? { linked: change.linked } : {}),
  }));
  const base =
    change.kind === 'replaced'
      ? { ...unseenPin(user.identityFingerprint, now), history: pin.history ?? [] }
      : pin;
  return withRecord(withNotices(base, notices), user);
}

function noticeOf(kind: UserNotice['kind'], at: number, to: VerifiedUser, from: UserPin): UserNotice {
  const same = constantTimeEqual(to.identityFingerprint, from.fingerprint);
  return {
    at,
    kind,
    seen: false,
    ...(from.recordFingerprint === undefined ? {} : { fromRecord: from.recordFingerprint }),
    toRecord: to.recordFingerprint,
    ...(same ? {} : { fromIdentity: from.fingerprint, toIdentity: to.identityFingerprint }),
  };
}

/** Two tellings of one thing: a domain that goes to and fro must not push other entries out of the history. */
function isSame(known: UserNotice, notice: UserNotice): boolean {
  const equal = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
    a === undefined || b === undefined ? a === b : constantTimeEqual(a, b);
  return known.kind === notice.kind && equal(known.toIdentity, notice.toIdentity);
}

function changedUser(pin: UserPin, offered: Uint8Array): ChangedUser {
  const what = constantTimeEqual(pin.fingerprint, offered) ? 'suite' : 'identity';
  return { kind: 'changed', of: 'user', what, pinned: pin.fingerprint, offered, since: pin.since };
}

function isPinned(user: VerifiedUser, pin: UserPin): boolean {
  return constantTimeEqual(user.identityFingerprint, pin.fingerprint);
}

function nativeUser(user: VerifiedUser, domain: NativePeer, pin: UserPin, pinnedBefore: boolean): NativeUser {
  const { compared, confirmed, since, voidBefore } = pin;
  const evidence = {
    compared,
    pinnedBefore,
    answered: confirmed !== undefined && confirmed > 0,
    escrow: user.escrow,
  };
  return {
    kind: 'native',
    user,
    domain,
    trust: userTrust(evidence, domain.trust),
    stale: false,
    since,
    confirmed: confirmed !== 0,
    ...(voidBefore === undefined ? {} : { dropsSince: voidBefore }),
    escrow: user.escrow,
    bridged: isBridged(user),
    notices: unseenNotices(pin),
    domainNotices: unseenEvents(pin, domain.history),
  };
}

/** What happened to a user's domain since the user was pinned, as far as it was not looked at. */
export function unseenEvents(
  { since, domainSeen = since }: UserPin,
  history: readonly DomainEvent[],
): readonly DomainEvent[] {
  return history.filter(({ noticed }) => noticed > domainSeen);
}

/** Undefined where no record of the pinned identity was seen yet. */
function seenOf(pin: UserPin | undefined): SeenUser | undefined {
  if (pin?.recordFingerprint === undefined) return undefined;
  const { serial, recordFingerprint, created } = pin;
  return { serial, recordFingerprint, created };
}
